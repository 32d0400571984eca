public import Millrace

extension TransportFactory {
    /// In-process channels: `memory:`, with the options of `MemoryOptions`. Each URL that is connected has topics of its own.
    public static var memory: TransportFactory {
        TransportFactory(
            "memory", schemes: ["memory"],
            options: [
                Option("capacity", "The most messages that a consumer group holds; at least 1.", default: "1024"),
                Option(
                    "overflow", "What happens when there is no room: wait, refuse, drop-oldest or drop-newest.", default: "wait"),
                Option(
                    "retention", "What is kept for later groups: none, until-claimed, all, or a number of messages.",
                    default: "until-claimed"),
                Option(
                    "dead-letters", "The suffix of the topic for rejected messages; empty to drop them.",
                    default: ".dead-letter"),
                Option(
                    "publish-returns", "When publishing is done: when-stored or when-acknowledged.", default: "when-stored"),
                Option(
                    "maximum-delayed", "The most messages that wait to be published later; at least 1.", default: "65536"),
            ]
        ) { url, context in
            try MemoryTransport(MemoryOptions(url: url), clock: context.clock, observers: context.observers)
        }
    }
}
