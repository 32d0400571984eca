public import Millrace

extension MemoryTransport: TopicDirectory {
    /// The topics of this transport. Messages are held for groups, so that a topic as such has no number of them.
    public func topics() async throws -> [TopicDescription] {
        try registry.all().map { topic in
            let groups = topic.locked { state in state.groups.compactMap(\.name) }
            return TopicDescription(
                name: topic.name, messages: nil,
                groups: groups.compactMap { name in
                    depth(of: topic.name, group: name).map { GroupDescription(name: name, lag: $0.total) }
                })
        }.sorted { $0.name < $1.name }
    }

    /// Whether anybody has published to a topic, read it or prepared it.
    public func hasTopic(_ name: String) async throws -> Bool {
        try Naming.checkTopic(name)
        return try registry.all().contains { $0.name == name }
    }
}
