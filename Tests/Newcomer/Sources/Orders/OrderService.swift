import Millrace

/// The router of a small service, on any transport.
func orderService(on broker: any Transport, _ options: RouterOptions = RouterOptions(service: "orders")) throws -> Router {
    let router = Router(options) {
        PoisonQueue("orders.poison", on: broker)
        Retry(attempts: 3, backoff: .constant(.seconds(10)))
        Stopwatch()
    }
    try router.handle("route", from: "orders", on: broker, to: "orders.small", route)
    try router.handle(
        "split", from: "orders.small", on: broker, to: "lines", options: HandlerOptions(concurrency: 4, ordered: .byKey), split)
    try router.consume("page", from: "orders.bulk", on: broker, page)
    try router.consume("audit", from: "lines", on: broker) { message, context in
        context.logger.info("line", ["text": message.payload.text ?? ""])
    }
    return router
}
