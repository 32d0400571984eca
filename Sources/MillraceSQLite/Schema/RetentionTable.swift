import Millrace

/// Finds and deletes what retention does not keep. Used by the writer's thread.
final class RetentionTable {
    /// What of a topic may go, and what has to.
    struct Topic {
        let id: Int64
        let name: String
        let last: Int64
    }

    private let connection: SQLiteConnection
    private let topics: SQLiteStatement
    private let lowMark: SQLiteStatement
    private let first: SQLiteStatement
    private let sizes: SQLiteStatement
    private let delete: SQLiteStatement
    private let skip: SQLiteStatement
    private let dropClaims: SQLiteStatement
    private let forgetInbox: SQLiteStatement

    init(on connection: SQLiteConnection) {
        self.connection = connection
        topics = connection.statement(
            "SELECT id, name, last FROM millrace_topics WHERE id BETWEEN 1 AND \(RowID.maximumTopic)")
        // Below the first message that a member of some group has or that waits, and not beyond any cursor.
        lowMark = connection.statement(
            """
            SELECT min(coalesce((SELECT min(c.position) - 1 FROM millrace_claims c WHERE c.grp = g.id), g.cursor))
            FROM millrace_groups g WHERE g.topic = ?1
            """)
        first = connection.statement("SELECT id, at FROM millrace_messages WHERE id > ?1 AND id < ?2 ORDER BY id LIMIT 1")
        sizes = connection.statement(
            """
            SELECT id, length(payload) + coalesce(length(metadata), 0) + coalesce(length(key), 0)
            FROM millrace_messages WHERE id > ?1 AND id < ?2 ORDER BY id LIMIT ?3
            """)
        delete = connection.statement(
            """
            DELETE FROM millrace_messages WHERE id IN
            (SELECT id FROM millrace_messages WHERE id > ?1 AND id <= ?2 AND at < ?3 ORDER BY id LIMIT ?4)
            """)
        skip = connection.statement("UPDATE millrace_groups SET cursor = max(cursor, ?2) WHERE topic = ?1")
        dropClaims = connection.statement(
            """
            DELETE FROM millrace_claims WHERE position <= ?2 AND grp IN (SELECT id FROM millrace_groups WHERE topic = ?1)
            """)
        forgetInbox = connection.statement("DELETE FROM millrace_inbox WHERE at < ?1")
    }

    func allTopics() throws -> [Topic] {
        var found: [Topic] = []
        while try topics.step() {
            found.append(Topic(id: topics.integer(0), name: topics.text(1), last: RowID.bounded(topics.integer(2))))
        }
        return found
    }

    /// Up to which position all groups of a topic have acknowledged; nil when it has no group.
    func acknowledged(of topic: Int64) throws -> Int64? {
        try lowMark.bind(1, topic)
        return try lowMark.first { $0.isNull(0) ? nil : RowID.bounded($0.integer(0)) } ?? nil
    }

    /// The first message that a topic still has.
    func first(of topic: Int64) throws -> (position: Int64, at: Int64)? {
        try first.bind(1, RowID.make(topic, 0))
        try first.bind(2, RowID.make(topic + 1, 0))
        return try first.first { (RowID.position($0.integer(0)), $0.integer(1)) }
    }

    /// Up to which position the first messages of a topic have to go so that about so many bytes become free, `limit` of them at
    /// most; 0 when there are none.
    func position(freeing bytes: Int64, of topic: Int64, limit: Int) throws -> Int64 {
        // About what a row costs besides its contents.
        let overhead: Int64 = 40
        try sizes.bind(1, RowID.make(topic, 0))
        try sizes.bind(2, RowID.make(topic + 1, 0))
        try sizes.bind(3, Int64(limit))
        defer { sizes.reset() }
        var freed: Int64 = 0
        var position: Int64 = 0
        while freed < bytes, try sizes.step() {
            position = RowID.position(sizes.integer(0))
            freed += sizes.integer(1) + overhead
        }
        return position
    }

    /// Deletes messages of a topic up to a position that are older than a time, up to `limit`. Returns how many.
    func delete(upTo position: Int64, of topic: Int64, before time: Int64 = .max, limit: Int) throws -> Int {
        try delete.bind(1, RowID.make(topic, 0))
        try delete.bind(2, RowID.make(topic, position))
        try delete.bind(3, time)
        try delete.bind(4, Int64(limit))
        try delete.run()
        return connection.changes
    }

    /// What is up to a position is nobody's any more.
    func forgetClaims(upTo position: Int64, of topic: Int64) throws -> Int {
        try dropClaims.bind(1, topic)
        try dropClaims.bind(2, position)
        try dropClaims.run()
        let count = connection.changes
        try skip.bind(1, topic)
        try skip.bind(2, position)
        try skip.run()
        return count
    }

    /// Forgets what inboxes have noted before a time.
    func forgetInbox(before time: Int64) throws {
        try forgetInbox.bind(1, time)
        try forgetInbox.run()
    }

    /// How many bytes of the file are in use.
    func usedBytes() throws -> Int64 {
        let pages = try connection.number("PRAGMA page_count") - connection.number("PRAGMA freelist_count")
        return pages * (try connection.number("PRAGMA page_size"))
    }

    /// Gives some of the free room back to the file system.
    func vacuum(pages: Int) throws { try connection.execute("PRAGMA incremental_vacuum(\(pages))") }

    func freePages() throws -> Int { Int(try connection.number("PRAGMA freelist_count")) }
}
