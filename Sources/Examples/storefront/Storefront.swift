import Millrace
import MillraceCQRS
import MillraceSQLite
import Synchronization

/// The shop as a whole: its parts, on a broker, with a file for what has to outlive the program.
///
/// ```
/// PlaceOrder --> Orders --> OrderPlaced --> Checkout --> TakePayment --> Payments --> PaymentTaken --> Checkout
///                                              |                                                          |
///                                              +--> PaymentOverdue, later                                 v
///            Orders <-- CompleteOrder <-- Checkout <-- OrderShipped <-- Shipping <------------------- ShipOrder
/// ```
struct Storefront {
    let router: Router
    let cqrs: CQRS
    let payments: Payments
    let list: OrderList
    private let open: OpenOrders

    /// - Parameters:
    ///   - broker: Carries the messages.
    ///   - file: Keeps payments, sagas, the read model, and messages that are to leave later.
    ///   - prefix: What the names of topics begin with.
    ///   - patience: How long money may take that is transferred.
    init(on broker: any Transport, file: SQLiteTransport, prefix: String, patience: Duration) throws {
        // No broker keeps messages for later in the same way: the file does, and a forwarder brings what is due to the broker.
        let later = Outbox(prefix + "later", on: file)
        let cqrs = CQRS(
            on: broker, topics: .shared(commands: prefix + "commands", events: prefix + "events"), CQRSOptions(delays: later))
        let router = Router(RouterOptions(observers: [ConsoleLog(level: .info)], plugins: [cqrs])) {
            PoisonQueue(prefix + "poison", on: broker)
            Retry(attempts: 5)
        }
        try router.register(Forwarder("later", from: later.topic, on: file, to: broker, options: .perOrder))

        let store = SQLiteStateStore(on: file)
        let open = OpenOrders()
        payments = Payments(ledger: Documents(collection: "payments", store: store))
        list = OrderList(entries: Documents(collection: "orders", store: store), ended: open.remove)
        let parts: [any Part] = [
            Orders(), payments, Shipping(stock: ["book", "lamp"]), Checkout(store: store, patience: patience), list,
        ]
        for part in parts { try part.register(cqrs, on: router) }
        (self.router, self.cqrs, self.open) = (router, cqrs, open)
    }

    /// Places the orders that have not come to their end yet, and returns when all have, or the router is asked to stop.
    func run(_ orders: [Order]) async throws {
        var missing: [Order] = []
        for order in orders where try await list.entries[order.number]?.end == nil { missing.append(order) }
        guard !missing.isEmpty else { return }
        open.add(missing.map(\.number)) { [router] in router.shutdown() }
        async let running: Void = router.run()
        try await router.waitUntilRunning()
        // Whoever is not sure that an order was placed places it again: a checkout that has begun does not begin again.
        try await cqrs.send(missing.map { PlaceOrder(order: $0) })
        try await running
    }
}

/// The orders that are waited for.
final class OpenOrders: Sendable {
    private let state = Mutex<(numbers: Set<Int>, whenEmpty: @Sendable () -> Void)>(([], {}))

    func add(_ numbers: [Int], whenEmpty: @escaping @Sendable () -> Void) {
        state.withLock { $0 = (Set(numbers), whenEmpty) }
    }

    func remove(_ number: Int) {
        let whenEmpty = state.withLock { state in
            state.numbers.remove(number) != nil && state.numbers.isEmpty ? state.whenEmpty : nil
        }
        whenEmpty?()
    }
}
