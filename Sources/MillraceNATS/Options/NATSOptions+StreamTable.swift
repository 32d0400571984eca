import MillraceTransportKit

extension NATSNewStreams {
    /// The options of URLs for new streams. See `NATSOptions.table`.
    static let table = OptionTable(defaults: NATSNewStreams()) {
        Option("storage", \.storage, ["file": .file, "memory": .memory], "Of new streams: where messages are.")
        Option(
            "retention", \.retention, ["limits": .limits, "interest": .interest, "workqueue": .workQueue],
            "Of new streams: when messages leave them.")
        Option("replicas", \.replicas, 1...5, "Of new streams: on how many servers they are kept.")
        Option("maximum-messages", \.maximumMessages, 1..., "Of new streams: how many messages they keep.", ifNone: "any number")
        Option("maximum-bytes", \.maximumBytes, 1..., "Of new streams: how many bytes they keep.", ifNone: "any number")
        Option(
            "maximum-age", \.maximumAge, atLeast: .milliseconds(100), atMost: .seconds(366 * 86_400),
            "Of new streams: how long they keep messages.", ifNone: "for ever")
        Option(
            "maximum-message-size", \.maximumMessageSize, 1...,
            "Of new streams: the largest message, with its headers, in bytes.",
            ifNone: "the server's")
        Option(
            "deduplication-window", \.deduplicationWindow, atLeast: .milliseconds(100), atMost: .seconds(366 * 86_400),
            "Of new streams: for how long they know the ids of messages.")
    }
}

extension NATSConsumers {
    /// The options of URLs for consumers. See `NATSOptions.table`.
    static let table = OptionTable(defaults: NATSConsumers()) {
        Option(
            "maximum-ack-pending", \.maximumAckPending, 1...,
            "How many messages of a group may be with its members or wait for a retry.")
        Option(
            "maximum-deliveries", \.maximumDeliveries, 1..., "After how many deliveries a message is given up.",
            ifNone: "any number")
        Option(
            "inactive-threshold", \.inactiveThreshold, atLeast: .seconds(1), atMost: .seconds(366 * 86_400),
            "After how long without members a group is deleted.", ifNone: "for ever")
    }
}
