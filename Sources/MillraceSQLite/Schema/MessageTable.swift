import Millrace

/// Appends messages to topics, and reads them. Used by one thread.
final class MessageTable {
    private let topics: TopicTable
    private let insert: SQLiteStatement
    private let schedule: SQLiteStatement
    private let find: SQLiteStatement
    private let following: SQLiteStatement
    private var buffer = RowBuffer()

    init(_ topics: TopicTable, on database: OpaquePointer, schema: String = "main") {
        self.topics = topics
        func statement(_ text: String) -> SQLiteStatement { SQLiteStatement(text, on: database) }
        insert = statement(
            "INSERT INTO \(schema).millrace_messages (id, at, uuid, key, metadata, payload) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")
        schedule = statement(
            "INSERT INTO \(schema).millrace_scheduled (due, topic, uuid, key, metadata, payload) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")
        find = statement("SELECT uuid, key, metadata, payload FROM \(schema).millrace_messages WHERE id = ?1")
        following = statement(
            """
            SELECT id, uuid, key, metadata, payload FROM \(schema).millrace_messages WHERE id > ?1 AND id < ?2 ORDER BY id LIMIT ?3
            """)
    }

    func append(_ messages: [Message], to topic: Int64, at now: Int64) throws {
        for message in messages {
            try insert.bind(1, RowID.make(topic, try topics.nextPosition(of: topic)))
            try insert.bind(2, now)
            try MessageRow.insert(message, with: insert, from: 3, buffer: &buffer)
        }
    }

    func schedule(_ messages: [Message], to topic: Int64, at due: Int64) throws {
        for message in messages {
            try schedule.bind(1, due)
            try schedule.bind(2, topic)
            try MessageRow.insert(message, with: schedule, from: 3, buffer: &buffer)
        }
    }

    /// The message at a position; nil when retention has deleted it.
    func message(at position: Int64, of topic: Int64) throws -> Message? {
        try find.bind(1, RowID.make(topic, position))
        return try find.first { MessageRow.read($0, from: 0) }
    }

    /// Calls `body` with up to `count` messages behind a position, in their order.
    func read(_ count: Int, after position: Int64, of topic: Int64, _ body: (Int64, Message) throws -> Void) throws {
        try following.bind(1, RowID.make(topic, position))
        try following.bind(2, RowID.make(topic + 1, 0))
        try following.bind(3, Int64(count))
        defer { following.reset() }
        while try following.step() {
            try body(RowID.position(following.integer(0)), MessageRow.read(following, from: 1))
        }
    }
}
