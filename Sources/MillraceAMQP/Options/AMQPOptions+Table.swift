import MillraceTransportKit

extension AMQPOptions {
    /// The options of URLs, with their bounds, which hold in code as well.
    static let table = OptionTable(defaults: AMQPOptions()) {
        Option(secret: "password", \.password, "the password")
        AMQPTLS.table.nested(in: \.tls)
        Option(
            "name", \.connectionName,
            .text("1 to 255 bytes, none of them 0") { (1...255).contains($0.utf8.count) && !$0.utf8.contains(0) },
            "What the broker shows as the name of the connections.")
        Option(
            "heartbeat", \.heartbeat,
            .duration(atLeast: .seconds(1), atMost: .seconds(3_600)).limited(to: "1 to 3,600 seconds, without a fraction") {
                $0.components.attoseconds == 0
            }, "After two of these without a sign of life a connection is given up.")
        Option(
            "connect-timeout", \.connectTimeout, atLeast: .milliseconds(1), atMost: .seconds(3_600),
            "How long connecting to a server may take, and logging in as well.")
        Option(
            "maximum-reconnect-delay", \.maximumReconnectDelay, atLeast: .milliseconds(100),
            "The longest pause between two attempts to connect.")
        Option(
            "publish-timeout", \.publishTimeout, atLeast: .milliseconds(100),
            "How long a message may wait to be sent and confirmed.")
        Option(maximumPending: \.maximumPending)
        Option(
            "confirm-window", \.confirmWindow, 1...65_536,
            "How many messages may be sent before the broker confirms the first of them.")
        Option("maximum-message-size", \.maximumMessageSize, 1..., "The largest payload, in bytes.")
        Option(group: \.group)
        Option(
            described: "topology", field: "topology", bound: "one of \(presets.map { $0.key }.joined(separator: ", "))",
            default: presets.first?.key, "What topics are.")
        Option(described: "exchange", field: "topology.exchangeName", "The exchange of `topology=topic`, which needs it.")
        AMQPTopology.table.nested(in: \.topology)
        Option(
            "dead-letters", \.deadLetters,
            .suffix(DeadLetters.topicSuffix, orDrop: .drop, or: ["broker:": .broker]) { $0.suffix },
            "The suffix of the topic for rejected messages; empty to drop them, `broker:` for the broker's own way.")
        Option(
            "count-returns", \.countsReturns,
            "Whether attempts include how often a quorum queue has handed a message out before.")
    }
}

extension AMQPTopology {
    static let table = OptionTable(defaults: AMQPTopology.publishSubscribe) {
        Option("queue-type", \.queueType, ["classic": .classic, "quorum": .quorum], "The kind of queue that the broker keeps.")
        Option("durable", \.isDurable, "Whether exchanges, queues and messages survive a restart of the broker.")
        Option("declare", \.declares, "Whether to declare exchanges and queues; `false` uses what is there.")
        Option("single-active-consumer", \.hasSingleActiveConsumer, "Whether one member of a group at a time gets all messages.")
        Option("priorities", \.priorities, 1...255, "How many priorities classic queues keep apart.")
        Option(
            "delivery-limit", \.deliveryLimit, 1...,
            "How often a quorum queue hands out a message that comes back before it goes to the dead letters.", ifNone: "no limit"
        )
        Option(
            "require-route", \.requiresRoute,
            "Whether publishing fails where no queue takes the message. With `topology=queue` the default is `true`.")
        Option("dead-letter-exchange", \.deadLetterExchange, .text, "The exchange to which queues give what the broker drops.")
    }
}

extension AMQPTLS {
    static let table = OptionTable(defaults: AMQPTLS()) {
        Option.tls(
            authorities: \.caFile, certificate: \.certificateFile, key: \.keyFile, verifies: \.verifies)
    }
}

extension AMQPOptions.DeadLetters {
    fileprivate var suffix: String? { if case .topicSuffix(let suffix) = self { suffix } else { nil } }
}
