extension Router {
    /// Registers a handler that turns messages of one topic into messages of another, on one transport.
    ///
    /// - Parameters:
    ///   - name: The handler's name, unique in the router; also its consumer group unless the options say otherwise.
    ///   - topic: The topic to read.
    ///   - broker: The transport to read from and to publish to.
    ///   - output: The topic for outputs that do not name another one.
    ///   - options: Concurrency, order, group and the like. Defaults to one message at a time, in a group named like the handler.
    ///   - body: Turns a message into outputs. They are published, and the message is acknowledged, when it returns. When it
    ///     throws, nothing is published. Cancelled when a timeout or the drain timeout has passed.
    /// - Throws: A ``MillraceError`` that names the handler: `duplicateHandler`, `invalidTopic`, `invalidOption`,
    ///   `unsupported`, `invalidMiddlewareOrder`, or `invalidState` once the router is draining.
    public func handle(
        _ name: String, from topic: String, on broker: any Transport, to output: String,
        options: HandlerOptions = HandlerOptions(),
        _ body: @escaping @Sendable (Message, HandlerContext) async throws -> Outputs
    ) throws {
        try handle(name, from: topic, on: broker, to: output, publishingOn: broker, options: options, body)
    }

    /// Registers a handler that reads from one transport and publishes to another. The rest is as it is on
    /// one transport.
    public func handle(
        _ name: String, from topic: String, on subscriber: any Subscriber, to output: String,
        publishingOn publisher: any Publisher, options: HandlerOptions = HandlerOptions(),
        _ body: @escaping @Sendable (Message, HandlerContext) async throws -> Outputs
    ) throws {
        try register(
            HandlerDefinition(
                name: name, topic: topic, subscriber: subscriber, output: .init(topic: output, publisher: publisher),
                publisher: publisher, options: options, body: .message(body)))
    }

    /// Registers a handler that publishes nothing. A message is acknowledged when `body` returns. The rest is as it
    /// is for a handler with outputs.
    public func consume(
        _ name: String, from topic: String, on subscriber: any Subscriber, options: HandlerOptions = HandlerOptions(),
        _ body: @escaping @Sendable (Message, HandlerContext) async throws -> Void
    ) throws {
        try register(
            HandlerDefinition(
                name: name, topic: topic, subscriber: subscriber, output: nil, publisher: nil, options: options,
                body: .message { message, context in
                    try await body(message, context)
                    return Outputs()
                }))
    }

    /// Registers a handler whose outputs all name their topics, as those of typed messages do. An output without a topic would
    /// be lost. The rest is as it is with one.
    package func route(
        _ name: String, from topic: String, on subscriber: any Subscriber, publishingOn publisher: any Publisher,
        options: HandlerOptions, _ body: @escaping @Sendable (Message, HandlerContext) async throws -> Outputs
    ) throws {
        try register(
            HandlerDefinition(
                name: name, topic: topic, subscriber: subscriber, output: nil, publisher: publisher, options: options,
                body: .message(body)))
    }

    /// Registers a handler that gets many messages at a time and publishes by itself, to what its context names as the publisher:
    /// so decorators have a part in it. `output` is the topic of all that it publishes, where there is one, and is only told
    /// of. For the rest see ``consumeBatches(_:from:on:upTo:within:options:_:)``.
    package func routeBatches(
        _ name: String, from topic: String, on subscriber: any Subscriber, to output: String?,
        publishingOn publisher: any Publisher, upTo limit: Int, within wait: Duration, options: HandlerOptions,
        _ body: @escaping @Sendable (HandlerBatch, HandlerContext) async throws -> Void
    ) throws {
        try register(
            HandlerDefinition(
                name: name, topic: topic, subscriber: subscriber, output: output.map { .init(topic: $0, publisher: publisher) },
                publisher: publisher, options: options, body: .batch(body, upTo: limit, within: wait, in: .observers)))
    }

    /// Registers a handler that gets many messages at a time and publishes nothing.
    ///
    /// A batch is complete when it holds `limit` messages, or when its first message has waited for `wait`. What `body` has
    /// not settled is acknowledged when it returns, and tried again later, by the options' `redelivery`, when it throws.
    /// Middleware that is ``BatchMiddleware`` stands around each batch. A handler in whose list there is other middleware is refused,
    /// because what that is there for would not be done; `without` says what the handler can do without.
    ///
    /// - Parameters:
    ///   - name: The handler's name, unique in the router.
    ///   - topic: The topic to read.
    ///   - subscriber: The transport to read from.
    ///   - limit: The most messages of a batch; 1 to the options' prefetch.
    ///   - wait: How long the first message may wait for others; `.zero` for no wait.
    ///   - left: Kinds of middleware that do not stand around this handler, though the list has them. Defaults to none.
    ///   - options: Concurrency, order, group and the like.
    ///   - body: Handles a batch.
    public func consumeBatches(
        _ name: String, from topic: String, on subscriber: any Subscriber, upTo limit: Int, within wait: Duration,
        without left: [any Middleware.Type] = [], options: HandlerOptions = HandlerOptions(),
        _ body: @escaping @Sendable (HandlerBatch, HandlerContext) async throws -> Void
    ) throws {
        try register(
            HandlerDefinition(
                name: name, topic: topic, subscriber: subscriber, output: nil, publisher: nil, options: options,
                body: .batch(body, upTo: limit, within: wait, in: .all(without: left))))
    }
}
