public import Millrace

extension RedisTransport: TopicDirectory {
    /// How many streams are asked about at the same time.
    private static let window = 128

    /// The streams of the database: each is a topic. A group's lag is known to servers from version 7.0 on.
    public func topics() async throws -> [TopicDescription] {
        var found: [TopicDescription] = []
        let names = try await streams()
        for start in stride(from: 0, to: names.count, by: Self.window) {
            try await withThrowingTaskGroup(of: TopicDescription?.self) { group in
                for name in names[start..<min(start + Self.window, names.count)] {
                    group.addTask { try await self.description(of: name) }
                }
                for try await topic in group { if let topic { found.append(topic) } }
            }
        }
        return found.sorted { $0.name < $1.name }
    }

    /// Whether there is a stream of that name. A key of another type counts as well: reading it tells what is wrong.
    public func hasTopic(_ name: String) async throws -> Bool {
        try Naming.checkTopic(name)
        return try await commands.run { writer in
            writer.command(arguments: 2)
            writer.bulk("EXISTS")
            writer.bulk(name)
        } read: { reply in
            if let error = reply.error { throw RedisError.make(error, topic: name) }
            return reply.integer != 0
        }
    }

    /// The names of all streams.
    private func streams() async throws -> [String] {
        var names: Set<String> = []
        var cursor = "0"
        repeat {
            let from = cursor
            let (next, page) = try await commands.run { writer in
                writer.command(arguments: 6)
                writer.bulk("SCAN")
                writer.bulk(from)
                writer.bulk("COUNT")
                writer.bulk("1000")
                writer.bulk("TYPE")
                writer.bulk("stream")
            } read: { reply in
                if let error = reply.error { throw RedisError.make(error, topic: "") }
                let page = reply.element(1) { keys in
                    (0..<keys.count).compactMap { index in keys.element(index) { $0.text } }
                }
                return (reply.element(0) { $0.text } ?? "0", page ?? [])
            }
            cursor = next
            names.formUnion(page)
        } while cursor != "0"
        return names.sorted()
    }

    /// A stream with its groups; nil when it is gone.
    private func description(of topic: String) async throws -> TopicDescription? {
        let length = try await commands.run { writer in
            writer.command(arguments: 2)
            writer.bulk("XLEN")
            writer.bulk(topic)
        } read: { reply in
            if let error = reply.error { throw RedisError.make(error, topic: topic) }
            return reply.integer
        }
        let groups = try await commands.run { writer in
            RedisCommands.groups(of: topic, into: &writer)
        } read: { reply -> [RedisGroupInfo]? in
            guard let error = reply.error else { return RedisGroupInfo.all(in: reply) }
            if error.contains("no such key") { return nil }
            throw RedisError.make(error, topic: topic)
        }
        guard let groups else { return nil }
        return TopicDescription(
            name: topic, messages: length,
            groups: groups.map { group in GroupDescription(name: group.name, lag: group.lag.map { $0 + group.pending }) })
    }
}
