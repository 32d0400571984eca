public import Millrace

extension TransportFactory {
    /// Topics in a file: `sqlite:orders.db`, with the options of `SQLiteOptions`.
    public static var sqlite: TransportFactory {
        TransportFactory(
            "sqlite", schemes: ["sqlite"], example: "sqlite:orders.db",
            options: [
                Option(
                    "synchronous", "When a commit is on disk: full (flushed) or normal (some moments later).", default: "full"),
                Option("create", "Whether to make the file when it is not there.", default: "true"),
                Option("busy-timeout", "How long to wait for a lock of another process; at least 1ms.", default: "10s"),
                Option("poll-interval", "How often to look for what other processes wrote; at least 1ms.", default: "25ms"),
                Option("care-interval", "How often to look for dead members and old messages; at least 1ms.", default: "1s"),
                Option("maximum-pending", "How many messages may wait for their commit; at least 1.", default: "16384"),
                Option("maximum-size", "The most bytes of the file; at least 65536."),
                Option("group", "The consumer group of subscriptions that name none."),
                Option(
                    "dead-letters", "The suffix of the topic for rejected messages; empty to drop them.",
                    default: ".dead-letter"),
                Option("maximum-length", "How many messages a topic keeps; at least 1."),
                Option("maximum-age", "For how long messages are kept; at least 1ms."),
                Option("maximum-bytes", "How many bytes of the file may be in use; at least 65536."),
                Option("delete-acknowledged", "Whether what all groups have acknowledged is deleted.", default: "false"),
                Option("delete-unacknowledged", "Whether bounds hold for what is not acknowledged, too.", default: "false"),
                Option("inbox-age", "For how long inboxes remember; at least 1s.", default: "7d"),
            ]
        ) { url, context in
            try await SQLiteTransport(SQLiteOptions(url: url), clock: context.clock, observers: context.observers)
        }
    }
}
