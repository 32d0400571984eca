import Millrace
import MillraceCQRS
import MillraceMemory

struct PlaceOrder: DomainCommand {
    var id: Int
    var sku: String
    var customer: String

    var messageKey: String? { "\(id)" }
}

struct OrderPlaced: DomainEvent {
    var id: Int
    var sku: String
    var customer: String

    var messageKey: String? { "\(id)" }
}

struct GetQuote: DomainRequest {
    typealias Reply = Quote
    static let replyErrors: [any ReplyError.Type] = [OutOfStock.self]

    var sku: String
}

struct Quote: Codable, Sendable {
    var cents: Int
}

struct OutOfStock: ReplyError {
    var sku: String
}

struct RemindToPay: DomainCommand {
    var order: Int
}

func orderWithReminder(_ cqrs: CQRS) -> CQRSHandler {
    cqrs.handler(PlaceOrder.self) { command, context in
        try await context.publish(OrderPlaced(id: command.id, sku: command.sku, customer: command.customer))
        try await context.send(RemindToPay(order: command.id), after: .seconds(86_400))
    }
}

func registerShop(_ cqrs: CQRS, on router: Router, stock: [String: Int]) throws {
    try router.register(
        cqrs.handler(PlaceOrder.self) { command, context in
            guard stock[command.sku] != nil else { throw Reject("there is no '\(command.sku)'") }
            try await context.publish(OrderPlaced(id: command.id, sku: command.sku, customer: command.customer))
        })
    try router.register(
        cqrs.handler("confirm-by-mail", on: OrderPlaced.self) { event, context in
            context.logger.info("mail", ["to": event.customer, "attempt": context.attempt])
        })
    try router.register(
        cqrs.handler(GetQuote.self) { request, context in
            guard let cents = stock[request.sku] else { throw OutOfStock(sku: request.sku) }
            return Quote(cents: cents)
        })
}

func runShop() async throws {
    let broker = MemoryTransport()
    let cqrs = CQRS(on: broker, topics: .perType(prefix: "shop."))
    // Ends the reply inbox when the router has drained.
    let router = Router(.init(plugins: [cqrs])) { Retry(attempts: 5) }
    try registerShop(cqrs, on: router, stock: ["A1": 250])
    async let running: Void = router.run()
    try await router.waitUntilRunning()

    try await cqrs.send(PlaceOrder(id: 7, sku: "A1", customer: "ada"))
    let quote = try await cqrs.request(GetQuote(sku: "A1"), timeout: .seconds(2))
    print("A1 costs", quote.cents)

    try await running
}

func placeMany(_ orders: [OrderPlaced], _ cqrs: CQRS) async throws {
    try await cqrs.publish(orders)
}

func placeAndWait(_ cqrs: CQRS) async throws {
    try await cqrs.sendAndWait(PlaceOrder(id: 7, sku: "A1", customer: "ada"), timeout: .seconds(2))
}

func quoteOrNot(_ cqrs: CQRS) async throws -> Quote? {
    do {
        return try await cqrs.request(GetQuote(sku: "A1"), timeout: .seconds(2))
    } catch let error as OutOfStock {
        print("no", error.sku)
        return nil
    }
}

struct ExportOrders: DomainCommand {
    var year: Int
}

struct ExportProgress: Codable, Sendable {
    var percent: Int
}

func exportOrders(_ year: Int, _ month: Int) async throws {}

func registerExport(_ cqrs: CQRS, on router: Router) throws {
    try router.register(
        cqrs.handler(ExportOrders.self) { command, context in
            for month in 1...12 {
                try await exportOrders(command.year, month)
                try await context.replyNow(ExportProgress(percent: month * 100 / 12))
            }
        })
}

func export(_ cqrs: CQRS) async throws {
    let progress = try await cqrs.replies(to: ExportOrders(year: 2026), as: ExportProgress.self, timeout: .seconds(60))
    for try await step in progress { print(step.percent, "%") }
}

/// The shape of version 1, from before there were currencies.
struct PricedV1: Codable, Sendable {
    var cents: Int
}

struct Priced: DomainEvent {
    static let messageName = "sku-priced"
    static let messageVersion = 2
    static let formerNames = ["PriceSet"]
    static var upcasters: [Upcaster<Priced>] {
        [Upcaster(from: 1, PricedV1.self) { Priced(cents: $0.cents, currency: "EUR") }]
    }

    var cents: Int
    var currency: String
}

func policies(_ broker: MemoryTransport) -> CQRS {
    let unreadable = UnreadablePolicy(
        unknownName: .skip, unknownVersion: .retryLater(after: .seconds(60)), undecodable: .deadLetter("shop.broken", on: broker))
    return CQRS(on: broker, topics: .perType(prefix: "shop."), .init(unreadable: unreadable))
}

struct OrderShipped: DomainEvent {
    var id: Int

    var messageKey: String? { "\(id)" }
}

func registerReadModel(_ broker: MemoryTransport, _ router: Router, _ orders: OrderList) throws {
    let cqrs = CQRS(on: broker, topics: .shared(commands: "shop.commands", events: "shop.events"))
    try router.register(
        cqrs.group("order-list", options: .init(concurrency: 8, ordered: .byKey)) {
            OnEvent(OrderPlaced.self) { event, context in await orders.add(event.id) }
            OnEvent(OrderPlaced.self, named: "count") { event, context in await orders.count() }
            OnEvent(OrderShipped.self) { event, context in await orders.ship(event.id) }
        })
}

actor OrderList {
    private var open: Set<Int> = []
    private var placed = 0

    func add(_ id: Int) { open.insert(id) }
    func ship(_ id: Int) { open.remove(id) }
    func count() { placed += 1 }
}

func namedInbox(_ broker: MemoryTransport) -> CQRS {
    var options = CQRSOptions()
    options.replies = ReplyOptions(inbox: .named("shop.replies.desk-3"), timeout: .seconds(10))
    return CQRS(on: broker, topics: .perType(prefix: "shop."), options)
}

func hooked(_ broker: MemoryTransport, tenant: String) -> CQRS {
    var options = CQRSOptions()
    options.hooks.onSend = { message, command in message.metadata["tenant"] = tenant }
    options.hooks.onPublish = { message, event in message.metadata["tenant"] = tenant }
    options.hooks.onHandle = { value, context, next in
        context.logger.debug("handling", ["type": "\(type(of: value))", "tenant": context.message.metadata["tenant"] ?? "none"])
        try await next()
    }
    return CQRS(on: broker, topics: .perType(prefix: "shop."), options)
}
