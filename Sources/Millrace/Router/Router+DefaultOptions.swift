/// Registration with default options. Calls of their own, so that a function can stand where a closure would.
extension Router {
    /// Registers a handler with default options. See ``handle(_:from:on:to:_:_:)``.
    ///
    /// ```swift
    /// try router.handle("bill", from: "orders", on: broker, to: "invoices", bill)
    /// ```
    public func handle(
        _ name: String, from topic: String, on broker: any Transport, to output: String,
        _ body: @escaping @Sendable (Message, HandlerContext) async throws -> Outputs
    ) throws {
        try handle(name, from: topic, on: broker, to: output, HandlerOptions(), body)
    }

    /// Registers a handler that reads from one transport and publishes to another, with default options. See
    /// ``handle(_:from:on:to:publishingOn:_:_:)``.
    public func handle(
        _ name: String, from topic: String, on subscriber: any Subscriber, to output: String,
        publishingOn publisher: any Publisher,
        _ body: @escaping @Sendable (Message, HandlerContext) async throws -> Outputs
    ) throws {
        try handle(name, from: topic, on: subscriber, to: output, publishingOn: publisher, HandlerOptions(), body)
    }

    /// Registers a handler that publishes nothing, with default options. See ``consume(_:from:on:_:_:)``.
    ///
    /// ```swift
    /// try router.consume("audit", from: "invoices", on: broker, audit)
    /// ```
    public func consume(
        _ name: String, from topic: String, on subscriber: any Subscriber,
        _ body: @escaping @Sendable (Message, HandlerContext) async throws -> Void
    ) throws {
        try consume(name, from: topic, on: subscriber, HandlerOptions(), body)
    }

    /// Registers a handler that gets many messages at a time, with default options. See
    /// ``consumeBatches(_:from:on:upTo:within:_:_:)``.
    public func consumeBatches(
        _ name: String, from topic: String, on subscriber: any Subscriber, upTo limit: Int, within wait: Duration,
        _ body: @escaping @Sendable (HandlerBatch, HandlerContext) async throws -> Void
    ) throws {
        try consumeBatches(name, from: topic, on: subscriber, upTo: limit, within: wait, HandlerOptions(), body)
    }
}
