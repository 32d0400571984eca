import Millrace

/// Messages that are to be published later. Used by the writer's thread.
final class ScheduledTable {
    private let topics: TopicTable
    private let next: SQLiteStatement
    private let due: SQLiteStatement
    private let move: SQLiteStatement
    private let delete: SQLiteStatement

    init(_ topics: TopicTable, on connection: SQLiteConnection) {
        self.topics = topics
        next = connection.statement("SELECT due FROM millrace_scheduled ORDER BY due LIMIT 1")
        due = connection.statement("SELECT id, topic FROM millrace_scheduled WHERE due <= ?1 ORDER BY due, id LIMIT ?2")
        move = connection.statement(
            """
            INSERT INTO millrace_messages (id, at, uuid, key, metadata, payload)
            SELECT ?2, ?3, uuid, key, metadata, payload FROM millrace_scheduled WHERE id = ?1
            """)
        delete = connection.statement("DELETE FROM millrace_scheduled WHERE id = ?1")
    }

    /// When the next message is due, in milliseconds since 1970; nil when there is none.
    func nextDue() throws -> Int64? { try next.first { $0.integer(0) } }

    /// Publishes up to `limit` messages that are due. Returns the topics that got some.
    func publishDue(at now: Int64, limit: Int) throws -> Set<Int64> {
        var found: [(id: Int64, topic: Int64)] = []
        try due.bind(1, now)
        try due.bind(2, Int64(limit))
        while try due.step() { found.append((due.integer(0), due.integer(1))) }
        for (id, topic) in found {
            try move.bind(1, id)
            try move.bind(2, RowID.make(topic, try topics.nextPosition(of: topic)))
            try move.bind(3, now)
            try move.run()
            try delete.bind(1, id)
            try delete.run()
        }
        return Set(found.map(\.topic))
    }
}
