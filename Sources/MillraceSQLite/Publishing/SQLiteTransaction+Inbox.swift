internal import CSQLite
public import Millrace

extension SQLiteTransaction {
    /// The inbox: runs `body` unless a consumer has done so for this message before. Handlers that write to the transport's file get
    /// the effect of each message exactly once, however often it is delivered.
    ///
    /// The note that it was done is committed, or rolled back, with what `body` writes:
    ///
    /// ```swift
    /// router.consume("ledger", from: "payments", on: broker) { message, _ in
    ///     try ledger.transaction { transaction in
    ///         try transaction.once(message, for: "ledger") { try ledger.post(message) }
    ///     }
    /// }
    /// ```
    ///
    /// - Parameters:
    ///   - message: Known by its id.
    ///   - consumer: Who does it; each consumer does it once. The name of the handler, for example.
    ///   - body: The effects, on the same connection.
    /// - Returns: What `body` returns; nil when it was done before.
    /// - Throws: What `body` throws; then, what it has written so far and the note are undone, and the rest of the transaction stands.
    ///   A `MillraceError` when SQLite refuses.
    @discardableResult
    public func once<Result>(_ message: Message, for consumer: String, _ body: () throws -> Result) throws -> Result? {
        try part {
            let insert = SQLiteStatement(
                "INSERT OR IGNORE INTO \(schema).millrace_inbox (consumer, message, at) VALUES (?1, ?2, ?3)", on: connection)
            try insert.bind(1, consumer)
            try insert.bind(2, message.id.description)
            try insert.bind(3, SystemClock.shared.unixMilliseconds)
            try insert.run()
            return sqlite3_changes(connection) > 0 ? try body() : nil
        }
    }
}
