import Millrace

// Handlers are plain functions.

/// Takes an order apart. A function may return an array.
func split(_ message: Message, _ context: HandlerContext) async throws -> [Message] {
    let order = try message.decode(Order.self)
    let log = context.logger.with(["order": order.number])
    guard !order.lines.isEmpty else {
        log.warning("an order of nothing")
        return []
    }
    log.info("split", ["lines": order.lines.count])
    return try order.lines.map { try Message(encoding: $0, key: order.customer) }
}

/// Sorts orders by what is to be done with them. ``Outputs`` go to topics of their own.
func route(_ message: Message, _ context: HandlerContext) async throws -> Outputs {
    let order = try message.decode(Order.self)
    return order.lines.count > 10 ? .to("orders.bulk", message) : [message]
}

/// Publishes nothing. The context may go to any function and to any actor.
func page(_ message: Message, _ context: HandlerContext) async throws {
    try await remind(context)
    await Pager.shared.page(message.payload.text ?? "", context)
}

func remind(_ context: HandlerContext) async throws {
    context.logger.debug("about to page")
}

actor Pager {
    static let shared = Pager()
    private(set) var pages: [String] = []

    func page(_ text: String, _ context: HandlerContext) {
        pages.append("\(context.topic): \(text)")
    }
}
