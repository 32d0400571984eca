import Millrace

/// What topics and consumer groups are on the broker: which exchanges, queues and bindings, and how they are declared.
///
/// A value: begin with a preset, and change what has to be different. In names and keys, `{topic}` and `{group}` stand for those of
/// a call; `{escaped-topic}` stands for the topic with `_` and `%` percent-encoded, so that `{escaped-topic}_{group}` names one topic
/// and one group only.
///
/// ```swift
/// var topology = AMQPTopology.publishSubscribe
/// topology.queueType = .quorum
/// topology.queueName = "{topic}.{group}"
/// ```
public struct AMQPTopology: Sendable, Hashable {
    /// The kind of queue that the broker keeps.
    public enum QueueType: String, Sendable, Hashable, CaseIterable {
        /// On one node, in order; the kind that every broker has.
        case classic
        /// Replicated, and always durable.
        case quorum
    }

    /// The exchange that a topic's messages go to; empty for the default one, which puts them into the queue that the routing key
    /// names.
    public var exchangeName: String
    /// The exchange's type: `fanout`, `direct`, `topic`, `headers`, or one of a plugin.
    public var exchangeType: String
    /// More arguments of exchanges. Defaults to none.
    public var exchangeArguments: [String: AMQPValue] = [:]
    /// The routing key of published messages, unless a message has its own: see ``AMQPMetadata/routingKey``.
    public var routingKey: String
    /// The queue of a consumer group. Names that get too long for AMQP's 255 bytes end in a hash.
    public var queueName: String
    /// What binds a queue to the exchange: a pattern for a topic exchange.
    public var bindingKey: String
    /// More arguments of bindings. Defaults to none.
    public var bindingArguments: [String: AMQPValue] = [:]
    /// Defaults to classic.
    public var queueType = QueueType.classic
    /// More arguments of queues, by the broker's names: `x-max-length`, `x-message-ttl` and so on. They win over what the rest of
    /// this says. Defaults to none.
    public var queueArguments: [String: AMQPValue] = [:]
    /// Whether exchanges, queues and messages survive a restart of the broker. Defaults to true; quorum queues always do.
    public var isDurable = true
    /// Whether exchanges, queues and bindings are declared. Defaults to true. Otherwise they have to be there, which is looked at:
    /// for users who may not declare.
    public var declares = true
    /// Whether a queue gives its messages to one member of its group at a time, in order, and to another one when that is gone.
    /// Defaults to false.
    public var hasSingleActiveConsumer = false
    /// Whether a queue may have one consumer only; another member's subscription is refused. Defaults to false.
    public var isExclusive = false
    /// How many priorities queues keep apart, 1 to 255, for classic queues. Defaults to nil: none.
    public var priorities: Int?
    /// The priority of this process's members: those with a higher one are served first. Defaults to nil: 0.
    public var consumerPriority: Int?
    /// How often a quorum queue hands out a message that comes back before the broker gives it up, and to the topic's dead letters
    /// unless ``deadLetterExchange`` says otherwise. What was sent ahead to a member that ends counts as well, up to the prefetch.
    /// Defaults to nil: no limit, for queues that are new. At least 1.
    public var deliveryLimit: Int?
    /// The exchange to which queues give what the broker drops: expired, overflowing, rejected with
    /// ``AMQPOptions/DeadLetters/broker``. Defaults to nil: none.
    public var deadLetterExchange: String?
    /// The routing key for ``deadLetterExchange``. Defaults to nil: that of the message.
    public var deadLetterRoutingKey: String?
    /// Whether publishing fails where no queue takes the message. Defaults to false with an exchange, where a message nobody wants
    /// is nothing unusual, and to true without one.
    public var requiresRoute: Bool

    /// A topology of these parts.
    public init(
        exchangeName: String, exchangeType: String, routingKey: String, queueName: String, bindingKey: String,
        requiresRoute: Bool = false
    ) {
        self.exchangeName = exchangeName
        self.exchangeType = exchangeType
        self.routingKey = routingKey
        self.queueName = queueName
        self.bindingKey = bindingKey
        self.requiresRoute = requiresRoute
    }

    /// Every group gets every message: a fanout exchange for each topic, a queue for each group. The default.
    public static let publishSubscribe = AMQPTopology(
        exchangeName: "{topic}", exchangeType: "fanout", routingKey: "", queueName: "{escaped-topic}_{group}", bindingKey: "")

    /// All who read a topic share its messages, whatever their group: one queue for each topic.
    public static let queue = AMQPTopology(
        exchangeName: "", exchangeType: "direct", routingKey: "{topic}", queueName: "{topic}", bindingKey: "",
        requiresRoute: true)

    /// One exchange for all topics: messages are routed by their topic, and who subscribes may give a pattern, such as `orders.*` or
    /// `orders.#`.
    public static func topic(exchange: String) -> AMQPTopology {
        AMQPTopology(
            exchangeName: exchange, exchangeType: "topic", routingKey: "{topic}",
            queueName: "\(escaped(exchange))_{escaped-topic}_{group}", bindingKey: "{topic}")
    }

    /// Whether each group has a queue of its own.
    var hasGroups: Bool { queueName.contains("{group}") }
}

extension AMQPTopology {
    /// Checks what ``table`` does not: what no option of a URL sets, and what belongs together.
    func validate() throws {
        func check(_ condition: Bool, _ field: String, _ value: some Sendable, _ bound: String) throws {
            if !condition { throw AMQPOptions.invalid("topology.\(field)", value, bound) }
        }
        try check(!queueName.isEmpty, "queueName", "\"\"", "at least 1 character")
        try check(
            queueName.contains("{topic}") || queueName.contains("{escaped-topic}") || !hasGroups, "queueName",
            queueName.debugDescription, "with {topic} or {escaped-topic} when it has {group}")
        try check(exchangeName.isEmpty || !exchangeType.isEmpty, "exchangeType", "\"\"", "at least 1 character")
        let texts = [
            ("exchangeName", exchangeName), ("exchangeType", exchangeType), ("routingKey", routingKey),
            ("queueName", queueName), ("bindingKey", bindingKey), ("deadLetterExchange", deadLetterExchange ?? ""),
            ("deadLetterRoutingKey", deadLetterRoutingKey ?? ""),
        ]
        for (field, text) in texts {
            try check(text.utf8.count <= 255, field, text.prefix(40).debugDescription, "at most 255 bytes")
        }
        try check(
            priorities == nil || queueType == .classic, "priorities", priorities ?? 0, "nil when queueType is quorum")
        try check(
            deliveryLimit == nil || queueType == .quorum, "deliveryLimit", deliveryLimit ?? 0, "nil when queueType is classic")
        try check(isDurable || queueType == .classic, "isDurable", false, "true when queueType is quorum")
        try check(
            consumerPriority.map { (Int(Int32.min)...Int(Int32.max)).contains($0) } ?? true, "consumerPriority",
            consumerPriority ?? 0, "a number of 32 bits")
        try check(
            deadLetterRoutingKey == nil || deadLetterExchange != nil, "deadLetterRoutingKey", deadLetterRoutingKey ?? "",
            "nil when there is no deadLetterExchange")
    }
}
