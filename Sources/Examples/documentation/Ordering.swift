import Millrace
import MillraceMemory

func addParallelHandlers(to router: Router, on broker: MemoryTransport) throws {
    let byKey = HandlerOptions(concurrency: 8, ordered: .byKey)
    try router.consume("ledger", from: "orders", on: broker, options: byKey) { message, context in
        try await post(message)
    }

    let sideBySide = HandlerOptions(concurrency: 32, prefetch: 64, group: "mailers")
    try router.consume("mail", from: "orders", on: broker, options: sideBySide) { message, context in
        try await post(message)
    }
}

func serviceWithName(on broker: MemoryTransport) throws {
    let router = Router(RouterOptions(service: "shop"))
    try router.consume("audit", from: "orders", on: broker) { message, context in
        try await post(message)
    }
    print(router.describe().text)  // orders -> audit  (memory, group shop.audit, concurrency 1)
}

actor Ledger {
    private(set) var booked: [String] = []

    func book(_ message: Message, _ context: HandlerContext) {
        booked.append("\(context.topic): \(message.id), attempt \(context.attempt)")
    }
}

let ledger = Ledger()

func handleOrder(_ message: Message, _ context: HandlerContext) async throws {
    context.logger.info("order", ["bytes": message.payload.count])
    await ledger.book(message, context)
}
