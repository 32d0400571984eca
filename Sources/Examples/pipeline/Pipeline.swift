import Millrace

/// Orders become invoices; invoices go to a ledger and to the mail room; what can't be invoiced is set aside.
///
/// ```
/// orders --> issue-invoice --> invoices --+--> ledger
///                 |                       +--> mail-room
///                 +--> orders.poison --> complaints
/// ```
struct Pipeline {
    let broker: any Transport
    let tally: Tally

    /// Places forty orders and waits until all have come to their end, or goes on until it is told to stop.
    func run(forever: Bool) async throws {
        let router = try makeRouter()
        print("Topology\n\(router.describe().text)\n\nPipeline")
        let last = try await lastOrder()
        if last > 0 { print("  : order \(last) was the last one before; going on behind it") }
        async let running: Void = router.run()
        try await router.waitUntilRunning()
        if forever {
            var number = last + 1
            while router.health.phase == .running {
                try await place(number..<(number + 1))
                number += 1
                try await SystemClock.shared.sleep(for: .milliseconds(200))
            }
        } else {
            try await place(last + 1...last + 40)
            while !tally.isComplete, router.health.phase == .running {
                try await SystemClock.shared.sleep(for: .milliseconds(5))
            }
            router.shutdown()
        }
        try await running
        print("\nSummary\n\(tally.summary)")
    }

    func makeRouter() throws -> Router {
        // The first is the outermost: a message that Retry has given up goes to the poison queue.
        let router = Router(RouterOptions(observers: [ConsoleLog(level: .error) { print("  ! \($0.dropTimeAndLevel)") }])) {
            PoisonQueue("orders.poison", on: broker)
            Retry(attempts: 3, backoff: .exponential(from: .milliseconds(5), upTo: .milliseconds(50)))
            Timeout(.seconds(5))
            Correlation()
        }

        // Four at a time, but the orders of one customer one after another. Should the program be killed, what it had in hand
        // comes back after the lease.
        let lease = Duration.seconds(5)
        let options = HandlerOptions(concurrency: 4, ordered: .byKey, lease: lease)
        try router.handle("issue-invoice", from: "orders", on: broker, to: "invoices", options: options) { message, context in
            let order = try message.decode(Order.self)
            guard order.cents > 0 else { throw Reject("an order of \(order.cents) cents") }
            if order.number.isMultiple(of: 5), context.attempt == 1 {
                tally.retried()
                print("  ~ order \(order.number): the bank did not answer, trying again")
                throw BankTimedOut()
            }
            print("  > order \(order.number) of \(order.customer): invoice issued at attempt \(context.attempt)")
            return [try Message(encoding: Invoice(number: 1_000 + order.number, order: order), key: order.customer)]
        }

        // Two handlers are two consumer groups: each gets every invoice.
        try router.consume("ledger", from: "invoices", on: broker, options: .init(lease: lease)) { message, context in
            let invoice = try message.decode(Invoice.self)
            tally.booked(invoice, at: context.clock.unixMilliseconds)
            print("  = ledger: invoice \(invoice.number), \(invoice.order.cents) cents")
        }
        try router.consume("mail-room", from: "invoices", on: broker, options: .init(lease: lease)) { message, _ in
            let invoice = try message.decode(Invoice.self)
            tally.mailed(invoice)
            print("  @ mail room: invoice \(invoice.number) to \(invoice.order.customer)")
        }
        try router.consume("complaints", from: "orders.poison", on: broker, options: .init(lease: lease)) { message, _ in
            tally.poisoned(try message.decode(Order.self))
            let reason = message.metadata[MetadataKey.poisonReason] ?? "unknown"
            print("  x complaints: message \(message.key ?? "") was set aside: \(reason)")
        }
        return router
    }

    /// The number of the last order that was placed when the program ran before; 0 on a broker that can't tell.
    func lastOrder() async throws -> Int {
        guard broker.capabilities.contains(.startAtPosition) else { return 0 }
        var last = 0
        let all = try await broker.subscribe(to: "orders", SubscriptionOptions(start: .beginning))
        var batch = DeliveryBatch()
        while try await all.pull(into: &batch, upTo: 256, until: SystemClock.shared.now.advanced(by: .milliseconds(200))) {
            for record in batch.records { last = max(last, try record.message.decode(Order.self).number) }
            all.acknowledge(batch.records.map(\.token))
            batch.removeAll()
        }
        await all.close()
        return last
    }

    /// Places orders; every seventh is worth nothing and will be set aside.
    func place(_ numbers: some Sequence<Int>) async throws {
        let customers = ["ada", "grace", "edsger"]
        for number in numbers {
            let order = Order(
                number: number, customer: customers[number % customers.count],
                cents: number.isMultiple(of: 7) ? 0 : number * 100, placedAt: SystemClock.shared.unixMilliseconds)
            tally.placing(number)
            try await broker.publish(Message(encoding: order, key: order.customer), to: "orders")
        }
    }
}

extension String {
    /// A line of the log without its first two words.
    fileprivate var dropTimeAndLevel: Substring { split(separator: " ", maxSplits: 2).last ?? "" }
}
