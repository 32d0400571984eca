/// Handlers whose functions return an array of messages, all for the handler's output topic.
///
/// Where both would do, as for a closure that ends with `[invoice]`, the call that takes ``Outputs`` is the one that is meant: it makes no
/// array.
extension Router {
    /// Registers a handler that turns messages of one topic into messages of another, with a function that returns an array. The rest is
    /// as it is where a function returns ``Outputs``.
    ///
    /// ```swift
    /// func split(_ order: Message, _ context: HandlerContext) async throws -> [Message] { ... }
    ///
    /// try router.handle("split", from: "orders", on: broker, to: "lines", split)
    /// ```
    @_disfavoredOverload
    public func handle(
        _ name: String, from topic: String, on broker: any Transport, to output: String,
        options: HandlerOptions = HandlerOptions(),
        _ body: @escaping @Sendable (Message, HandlerContext) async throws -> [Message]
    ) throws {
        try handle(name, from: topic, on: broker, to: output, publishingOn: broker, options: options, body)
    }

    /// Registers a handler that reads from one transport and publishes to another, with a function that returns an array. The rest is as
    /// it is where a function returns ``Outputs``.
    @_disfavoredOverload
    public func handle(
        _ name: String, from topic: String, on subscriber: any Subscriber, to output: String,
        publishingOn publisher: any Publisher, options: HandlerOptions = HandlerOptions(),
        _ body: @escaping @Sendable (Message, HandlerContext) async throws -> [Message]
    ) throws {
        try handle(name, from: topic, on: subscriber, to: output, publishingOn: publisher, options: options) {
            message, context in Outputs(try await body(message, context))
        }
    }
}
