/// A transport that can say which topics its broker has: for tools, and for whoever must not make a topic by reading it.
public protocol TopicDirectory: Transport {
    /// The topics that the broker shows to this user, by name, with the consumer groups that read them. Those that a broker keeps for
    /// itself are left out.
    ///
    /// Makes nothing, and takes a few round trips for each topic or group. The numbers are those of a moment, and not all of the same one.
    ///
    /// Throws a ``MillraceError``: `unsupported` when the broker has no list of topics, `connectionFailed`, `closed`, ... Cancelling the
    /// task ends the wait.
    func topics() async throws -> [TopicDescription]

    /// Whether there is a topic of that name. True as well when the broker can't tell: where topics are not things of their own.
    ///
    /// Makes nothing. Throws a ``MillraceError``: `invalidTopic`, `connectionFailed`, `closed`, ...
    func hasTopic(_ name: String) async throws -> Bool
}

/// What a broker says of a topic.
public struct TopicDescription: Sendable, Hashable, Codable {
    /// Its name, as it is published to.
    public let name: String
    /// How many messages it holds; nil when the broker keeps none for the topic as such, or does not say. On Kafka about so many:
    /// what compaction has removed is counted as well.
    public let messages: Int?
    /// The consumer groups that read it, by name; nil when the broker does not say. Subscriptions without a group are not among them.
    public let groups: [GroupDescription]?

    /// A topic with its groups.
    public init(name: String, messages: Int?, groups: [GroupDescription]?) {
        self.name = name
        self.messages = messages
        self.groups = groups.map { $0.sorted { $0.name < $1.name } }
    }
}

/// What a broker says of a consumer group of a topic.
public struct GroupDescription: Sendable, Hashable, Codable {
    /// Its name.
    public let name: String
    /// How many messages wait for the group: all that it has not acknowledged, handed out or not. Nil when the broker does not say.
    public let lag: Int?

    /// A group with what waits for it.
    public init(name: String, lag: Int?) {
        self.name = name
        self.lag = lag
    }
}

extension Subscriber {
    /// Throws a ``MillraceError`` of code `unknownTopic` when there is no such topic, as far as that is known: for who reads what has
    /// to be there, because subscribing makes a topic.
    package func requireTopic(_ topic: String) async throws {
        try Naming.checkTopic(topic)
        guard let directory = self as? any TopicDirectory, try await !directory.hasTopic(topic) else { return }
        throw MillraceError(
            .unknownTopic, "topic '\(topic)': \(directory.system) has no topic of that name, and reading it would make one",
            isRetriable: false)
    }
}
