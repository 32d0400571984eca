import Millrace

/// What has to be on the broker, by the topology and where dead letters go.
extension AMQPOptions {
    /// What stands behind the names of topics for dead letters, if the transport has such.
    private var letterSuffix: String? {
        if case .topicSuffix(let suffix) = deadLetters { suffix } else { nil }
    }

    /// What has to be there before messages are published to a topic.
    func declarations(for topic: String) -> [AMQPDeclaration] { topology.declarations(for: topic, letters: letterSuffix) }

    /// The queue of a group, or of a new subscription without one.
    func queue(for topic: String, group: String?) -> AMQPQueue {
        topology.queue(for: topic, group: group, id: .next(), letters: letterSuffix)
    }
}
