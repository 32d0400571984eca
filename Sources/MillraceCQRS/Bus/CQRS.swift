public import Millrace

/// Commands, events and requests with Swift types, on any transport.
///
/// ```swift
/// let cqrs = CQRS(on: broker, topics: .perType(prefix: "shop."))
/// try router.register(
///     cqrs.handler(PlaceOrder.self) { command, context in
///         try await context.publish(OrderPlaced(id: command.id))
///     })
/// try await cqrs.send(PlaceOrder(id: 7))
/// ```
///
/// Handlers are handlers of the router, with its middleware, concurrency and shutdown. Add the object to the router's plugins if the
/// process sends requests, so that its reply inbox ends with the router; or call ``close()``.
public final class CQRS: Sendable {
    let publisher: any Publisher
    let subscriber: any Subscriber
    let topics: TopicScheme
    let options: CQRSOptions
    let writer: TypedWriter
    let registry = HandlerRegistry()
    let statisticsCounter = StatisticsCounter()
    let inbox: ReplyInbox
    let responder: Responder

    /// Messages on one transport.
    ///
    /// - Parameters:
    ///   - broker: The transport, which is not closed.
    ///   - topics: Which topic carries which type.
    ///   - options: Codecs, hooks, and the like.
    public convenience init(on broker: any Transport, topics: TopicScheme, _ options: CQRSOptions = .init()) {
        self.init(publishingOn: broker, subscribingOn: broker, topics: topics, options)
    }

    /// Messages that are published to one transport and read from another. See ``init(on:topics:_:)``.
    public init(
        publishingOn publisher: any Publisher, subscribingOn subscriber: any Subscriber, topics: TopicScheme,
        _ options: CQRSOptions = .init()
    ) {
        self.publisher = publisher
        self.subscriber = subscriber
        self.topics = topics
        self.options = options
        writer = TypedWriter(topics: topics, codecs: options.codecs, hooks: options.hooks)
        inbox = ReplyInbox(subscriber, prefix: topics.prefix, options, statisticsCounter)
        responder = Responder(options, statisticsCounter, subscriber as? any BrokerClock)
    }

    /// What happened that would otherwise go unseen.
    public var statistics: CQRSStatistics {
        var statistics = statisticsCounter.current
        statistics.pendingRequests = inbox.pendingCount
        return statistics
    }

    /// Says that messages of a type are known here though no handler reads them, so that handlers pass over them where they share a
    /// topic. Throws a `MillraceError` of code `invalidOption` when another type has the name.
    public func declare(_ type: any TypedMessage.Type) throws { try registry.declare(type) }

    /// The topic that carries a type.
    public func topic(of type: any TypedMessage.Type) -> String { topics.topic(of: type) }

    /// Ends the reply inbox: requests that wait throw a `MillraceError` of code `closed`, and its topic is removed from the broker
    /// if the transport can do that. Handlers are not affected. Calling it again does nothing.
    public func close() async { await inbox.close() }
}

extension CQRS: RouterPlugin {
    /// Checks the options. Throws a `MillraceError` of code `invalidOption` or `invalidTopic`.
    public func start(_ router: Router) async throws { try validate() }

    /// Ends the reply inbox: see ``close()``.
    public func stop(_ router: Router) async { await close() }

    func validate() throws {
        try options.unreadable.validate()
        try options.replies.validate()
    }
}
