/// Which topic carries which type of message.
public struct TopicScheme: Sendable {
    private let name: @Sendable (MessageDescriptor) -> String
    /// What the names of topics begin with that are not for commands and events.
    let prefix: String

    /// A topic for each type: the prefix and the name of the message. Mind that brokers have rules for names.
    public static func perType(prefix: String = "") -> TopicScheme {
        TopicScheme(prefix: prefix) { prefix + $0.name }
    }

    /// One topic for all commands and one for all events, so that they keep their order among each other. Every handler sees all
    /// messages of the topic, and passes over those of other handlers.
    public static func shared(commands: String, events: String) -> TopicScheme {
        TopicScheme(prefix: "") { $0.kind == .command ? commands : events }
    }

    /// What a function says; it must give the same answer in all services.
    public static func custom(_ topic: @escaping @Sendable (MessageDescriptor) -> String) -> TopicScheme {
        TopicScheme(prefix: "", name: topic)
    }

    private init(prefix: String, name: @escaping @Sendable (MessageDescriptor) -> String) {
        self.prefix = prefix
        self.name = name
    }

    /// The topic of a type.
    func topic(of type: any TypedMessage.Type) -> String { name(MessageDescriptor(type)) }
}
