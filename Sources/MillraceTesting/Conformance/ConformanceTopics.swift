import Millrace

/// The topics that a check has used, with the consumer groups that have read them, so that nothing is left behind.
final class ConformanceTopics: Sendable {
    private let groups = Lock<[String: Set<String>]>([:])

    func note(_ topic: String, group: String? = nil) {
        groups.withLock { groups in
            groups[topic, default: []].formUnion(group.map { [$0] } ?? [])
        }
    }

    /// Removes them with their dead letters, if the subject asks for it and its transport can. What can't be removed stays: the
    /// check has had its result.
    func remove(from subject: ConformanceSubject) async {
        guard subject.removesTopics else { return }
        let all = groups.withLock { $0 }
        // A check that was cancelled cleans up like any other.
        let work = Task {
            let transport = try await subject.connect()
            if let administration = transport as? any TransportAdministration {
                for (topic, groups) in all {
                    // RabbitMQ removes the queues of groups that this transport has had to do with.
                    for group in groups { try? await administration.prepare(topic: topic, group: group) }
                    try? await administration.remove(topic: topic)
                    try? await administration.remove(topic: subject.deadLetterTopic(topic))
                }
            }
            await transport.close()
        }
        _ = await work.result
    }
}
