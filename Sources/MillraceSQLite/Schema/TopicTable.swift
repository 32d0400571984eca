import Millrace

/// Topics with the positions that they have given out. Used within write transactions, by one thread.
final class TopicTable {
    private let find: SQLiteStatement
    private let insert: SQLiteStatement
    private let readLast: SQLiteStatement
    private let writeLast: SQLiteStatement
    /// Names that are in the file for certain; those of a transaction that is not yet committed are not among them.
    private var known: [String: Int64] = [:]
    private var added: [String: Int64] = [:]
    /// The last positions of the topics that the transaction at hand has written to.
    private var lasts: [Int64: Int64] = [:]

    init(on database: OpaquePointer, schema: String = "main") {
        find = SQLiteStatement("SELECT id FROM \(schema).millrace_topics WHERE name = ?1", on: database)
        insert = SQLiteStatement("INSERT INTO \(schema).millrace_topics (name) VALUES (?1) RETURNING id", on: database)
        readLast = SQLiteStatement("SELECT last FROM \(schema).millrace_topics WHERE id = ?1", on: database)
        writeLast = SQLiteStatement("UPDATE \(schema).millrace_topics SET last = ?2 WHERE id = ?1", on: database)
    }

    /// The number of a topic, which is made if need be.
    func id(of name: String) throws -> Int64 {
        if let id = known[name] ?? added[name] { return id }
        try find.bind(1, name)
        if let id = try find.first({ $0.integer(0) }) {
            guard RowID.topics.contains(id) else {
                throw MillraceError(
                    .overflow, "topic '\(name)' has the id \(id) in the file, it must be 1 to \(RowID.maximumTopic)",
                    isRetriable: false)
            }
            added[name] = id
            return id
        }
        try insert.bind(1, name)
        guard let id = try insert.first({ $0.integer(0) }), id <= RowID.maximumTopic else {
            throw MillraceError(
                .overflow, "the file has no id from 1 to \(RowID.maximumTopic) left for topic '\(name)'", isRetriable: false)
        }
        added[name] = id
        return id
    }

    /// The next position of a topic, given out once.
    func nextPosition(of topic: Int64) throws -> Int64 {
        let position = try last(of: topic) + 1
        guard position <= RowID.maximumPosition else {
            throw MillraceError(
                .overflow, "topic \(topic) has had \(RowID.maximumPosition) messages, there is no room for more",
                isRetriable: false)
        }
        lasts[topic] = position
        return position
    }

    /// The position of a topic's latest message; 0 when it never had one.
    func last(of topic: Int64) throws -> Int64 {
        if let last = lasts[topic] { return last }
        try readLast.bind(1, topic)
        return try readLast.first { RowID.bounded($0.integer(0)) } ?? 0
    }

    /// Writes down what was given out. To be called before the commit.
    func save() throws {
        for (topic, last) in lasts {
            try writeLast.bind(1, topic)
            try writeLast.bind(2, last)
            try writeLast.run()
        }
    }

    func committed() {
        known.merge(added) { _, new in new }
        (added, lasts) = ([:], [:])
    }

    func rolledBack() { (added, lasts) = ([:], [:]) }
}
