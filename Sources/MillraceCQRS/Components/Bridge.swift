public import Millrace

/// Carries the messages of some topics from one transport to another, in batches.
///
/// ```swift
/// try router.register(Bridge("to-cloud", from: redis, to: kafka, topics: ["orders": "shop.orders"]))
/// ```
///
/// Each message arrives at least once, with its id, key, metadata and payload. Messages of one key arrive in the order of the source, also
/// when some have to be sent again. Two bridges that lead there and back do not carry a message in circles when they have one `link`.
public struct Bridge: Sendable {
    let name: String
    let source: any Transport
    let target: any Publisher
    let topics: TopicMapping
    let link: String
    let limit: Int
    let wait: Duration
    let undeliverable: String?
    let options: HandlerOptions

    /// A bridge.
    ///
    /// - Parameters:
    ///   - name: The beginning of its handlers' names: each topic that is read has one, `name.topic`. Also the consumer group of all of
    ///     them, if the options do not say otherwise.
    ///   - source: The transport to read from.
    ///   - target: Where messages go.
    ///   - topics: Which topics are read, and where their messages go.
    ///   - link: What the bridge leaves on messages that it carries, and by what it leaves out those that it, or another bridge of the
    ///     same link, has carried before. Defaults to the name. No commas.
    ///   - limit: How many messages are sent together at most. Defaults to 500; 1 to the options' prefetch.
    ///   - wait: How long a message may wait for others to be sent with. Defaults to zero.
    ///   - undeliverable: Where messages go that the target can never take: a topic of the source. They carry a `DeadLetter` record.
    ///     Defaults to none: they are rejected, and go to the source's dead letters.
    ///   - options: Concurrency, order and the like. Defaults to order by key: messages without a key are then one lane, and go one after
    ///     the other; for topics that have no keys, `.byTransport` sends them together, and keeps their order as long as all are
    ///     accepted. Of middleware, what looks on stands around it:
    ///     metrics, traces, logs.
    public init(
        _ name: String, from source: any Transport, to target: any Publisher, topics: TopicMapping, link: String? = nil,
        upTo limit: Int = 500, within wait: Duration = .zero, undeliverableTo undeliverable: String? = nil,
        options: HandlerOptions = .init(ordered: .byKey)
    ) {
        self.name = name
        self.source = source
        self.target = target
        self.topics = topics
        self.link = link ?? name
        self.limit = limit
        self.wait = wait
        self.undeliverable = undeliverable
        var options = options
        if options.group == .handlerName { options.group = .inService(name) }
        self.options = options
    }

    func validate() throws {
        let subject = "bridge '\(name)'"
        guard !topics.sources.isEmpty else {
            throw MillraceError.invalidOption("topics", "empty", bound: "at least one topic", of: subject)
        }
        if let twice = topics.sources.firstRepeated {
            throw MillraceError.invalidOption("topics", "with '\(twice)' twice", bound: "different topics", of: subject)
        }
        guard !link.isEmpty, !link.contains(",") else {
            throw MillraceError.invalidOption("link", "'\(link)'", bound: "a text without commas", of: subject)
        }
        for topic in topics.sources {
            try Naming.checkTopic(topic)
            guard let target = topics.isFixed ? topics.target(of: topic) : nil else { continue }
            try Naming.checkTopic(target)
            guard target != topic || self.target as AnyObject !== source as AnyObject else {
                throw MillraceError.invalidOption(
                    "topics", "'\(topic)' to itself", bound: "a way to another topic or another transport", of: subject)
            }
        }
        try Relay.check(undeliverable, reading: topics.sources, for: subject)
    }

    func step(_ delivery: Delivery) -> Relay.Step {
        var message = delivery.message
        let source = message.metadata[MetadataKey.topic] ?? delivery.topic
        let passed = message.metadata[MetadataKey.bridges]
        if let passed, passed.split(separator: ",").contains(where: { $0 == link }) { return .skip }
        guard let topic = topics.target(of: source) else { return .skip }
        guard (try? Naming.checkTopic(topic)) != nil else {
            return .giveUp(reason: "the target of '\(source)' is a topic that can't be: \(topic.prefix(40).debugDescription)")
        }
        message.metadata[MetadataKey.topic] = nil
        message.metadata[MetadataKey.bridges] = passed.map { "\($0),\(link)" } ?? link
        return .publish(message, to: topic)
    }
}

extension Router {
    /// Registers a bridge: a handler for each of its topics. Starts them when the router runs already.
    ///
    /// Throws a `MillraceError`: `invalidOption`, `invalidTopic`, and what `Router.consumeBatches` throws; handlers of topics that were
    /// in order before are registered then.
    public func register(_ bridge: Bridge) throws {
        try bridge.validate()
        let relay = Relay(
            redelivery: bridge.options.redelivery, letters: bridge.undeliverable.map { ($0, bridge.source) }, step: bridge.step)
        for topic in bridge.topics.sources {
            try routeBatches(
                "\(bridge.name).\(topic)", from: topic, on: bridge.source,
                to: bridge.topics.isFixed ? bridge.topics.target(of: topic) : nil, publishingOn: bridge.target,
                upTo: bridge.limit, within: bridge.wait, options: bridge.options, relay.handle)
        }
    }
}
