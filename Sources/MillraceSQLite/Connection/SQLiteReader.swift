import Dispatch
import Millrace

/// Reads that may take long, beside the writer: with a connection of their own they hold up nobody.
final class SQLiteReader: Sendable {
    private let options: SQLiteOptions
    private let queue = DispatchQueue(label: "millrace.sqlite.reader")

    init(_ options: SQLiteOptions) { self.options = options }

    private func read<Value: Sendable>(
        _ body: @escaping @Sendable (SQLiteConnection) throws -> Value
    ) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            queue.async { [options] in
                do {
                    continuation.resume(returning: try body(SQLiteConnection(options, isReader: true)))
                } catch {
                    continuation.resume(throwing: (error as? SQLiteFailure)?.error ?? error)
                }
            }
        }
    }

    /// All topics, with their groups: those without a name belong to one subscription each.
    func topics() async throws -> [TopicDescription] {
        try await read { connection in
            let topics = connection.statement("SELECT id, name, last FROM millrace_topics ORDER BY name")
            let messages = connection.statement("SELECT count(*) FROM millrace_messages WHERE id > ?1 AND id < ?2")
            let groups = connection.statement(
                """
                SELECT name, cursor, (SELECT count(*) FROM millrace_claims WHERE grp = millrace_groups.id)
                FROM millrace_groups WHERE topic = ?1 AND name IS NOT NULL
                """)
            var found: [TopicDescription] = []
            while try topics.step() {
                let (id, last) = (topics.integer(0), RowID.bounded(topics.integer(2)))
                guard RowID.topics.contains(id) else { continue }
                try messages.bind(1, RowID.make(id, 0))
                try messages.bind(2, RowID.make(id + 1, 0))
                let count = try messages.first { Int($0.integer(0)) }
                var members: [GroupDescription] = []
                try groups.bind(1, id)
                while try groups.step() {
                    let unread = max(0, last - RowID.bounded(groups.integer(1)))
                    members.append(GroupDescription(name: groups.text(0), lag: Int(unread + groups.integer(2))))
                }
                found.append(TopicDescription(name: topics.text(1), messages: count, groups: members))
            }
            return found
        }
    }

    func hasTopic(_ name: String) async throws -> Bool {
        try await read { connection in
            let topics = connection.statement("SELECT 1 FROM millrace_topics WHERE name = ?1")
            try topics.bind(1, name)
            return try topics.first { _ in true } ?? false
        }
    }

    /// The position of the message in front of the first one that was published at a time or later; nil when there is none so late.
    func lastPosition(before time: Int64, in topic: String) async throws -> Int64? {
        try await read { connection in
            let topics = connection.statement("SELECT id FROM millrace_topics WHERE name = ?1")
            try topics.bind(1, topic)
            guard let id = try topics.first({ $0.integer(0) }), RowID.topics.contains(id) else { return nil }
            let messages = connection.statement(
                "SELECT id FROM millrace_messages WHERE id > ?1 AND id < ?2 AND at >= ?3 ORDER BY id LIMIT 1")
            try messages.bind(1, RowID.make(id, 0))
            try messages.bind(2, RowID.make(id + 1, 0))
            try messages.bind(3, time)
            return try messages.first { RowID.position($0.integer(0)) - 1 }
        }
    }
}
