public import Millrace

/// Brings messages from an ``Outbox`` to the transport that they are meant for, in batches.
///
/// ```swift
/// try router.register(Forwarder("forwarder", from: "outbox", on: file, to: kafka))
/// ```
///
/// Each message arrives at least once, with its id, key, metadata and payload. One that was sent and not acknowledged in the outbox when
/// the process died is sent again, with the same id, by which receivers recognise it: NATS JetStream by itself, handlers with
/// `Deduplicate` or an inbox. Messages of one key arrive in the order of the outbox, also when some have to be sent again; messages
/// without a key wait for no others.
public struct Forwarder: Sendable {
    let name: String
    let topic: String
    let broker: any Transport
    let target: any Publisher
    let limit: Int
    let wait: Duration
    let undeliverable: String?
    let readsWatermill: Bool
    let options: HandlerOptions

    /// A forwarder.
    ///
    /// - Parameters:
    ///   - name: Its name in the router, and its consumer group.
    ///   - topic: The topic of the outbox.
    ///   - broker: The transport of the outbox.
    ///   - target: Where messages go.
    ///   - limit: How many messages are sent together at most. Defaults to 500; 1 to the options' prefetch.
    ///   - wait: How long a message may wait for others to be sent with. Defaults to zero.
    ///   - undeliverable: Where messages go that don't say what topic they are for, or that the target can never take: a topic of the
    ///     outbox's transport. They carry a `DeadLetter` record. Defaults to none: they are rejected, and go to that transport's dead
    ///     letters.
    ///   - readsWatermill: Whether envelopes of Watermill's forwarder are read as well, JSON with `destination_topic`. Defaults to false.
    ///   - options: Concurrency, order and the like. Defaults to order by key. Of middleware, what looks
    ///     on stands around it: metrics, traces, logs.
    public init(
        _ name: String, from topic: String, on broker: any Transport, to target: any Publisher, upTo limit: Int = 500,
        within wait: Duration = .zero, undeliverableTo undeliverable: String? = nil, readsWatermill: Bool = false,
        options: HandlerOptions = .init(ordered: .byKey)
    ) {
        self.name = name
        self.topic = topic
        self.broker = broker
        self.target = target
        self.limit = limit
        self.wait = wait
        self.undeliverable = undeliverable
        self.readsWatermill = readsWatermill
        self.options = options
    }

    func validate() throws {
        try Relay.check(undeliverable, reading: [topic], for: "forwarder '\(name)'")
    }

    /// Whether what is published to a topic of the target comes back to the outbox.
    private func leadsBack(_ topic: String) -> Bool {
        topic == self.topic && target as AnyObject === broker as AnyObject
    }

    func step(_ delivery: Delivery) -> Relay.Step {
        let envelope = delivery.message
        let unwrapped = Envelope.unwrap(envelope) ?? (readsWatermill ? WatermillEnvelope.unwrap(envelope) : nil)
        guard let (message, topic) = unwrapped else {
            return .giveUp(reason: "message \(envelope.id) does not say what topic it is for")
        }
        guard (try? Naming.checkTopic(topic)) != nil else {
            return .giveUp(reason: "message \(envelope.id) is for a topic that can't be: \(topic.prefix(40).debugDescription)")
        }
        guard !leadsBack(topic) else {
            return .giveUp(reason: "message \(envelope.id) is for '\(topic)', which is the outbox that it comes from")
        }
        return .publish(message, to: topic)
    }
}

extension Router {
    /// Registers a forwarder; starts it when the router runs already.
    ///
    /// Throws a `MillraceError`: `invalidOption`, `invalidTopic`, and what `Router.consumeBatches` throws.
    public func register(_ forwarder: Forwarder) throws {
        try forwarder.validate()
        let relay = Relay(
            redelivery: forwarder.options.redelivery, letters: forwarder.undeliverable.map { ($0, forwarder.broker) },
            step: forwarder.step)
        try routeBatches(
            forwarder.name, from: forwarder.topic, on: forwarder.broker, to: nil, publishingOn: forwarder.target,
            upTo: forwarder.limit, within: forwarder.wait, options: forwarder.options, relay.handle)
    }
}
