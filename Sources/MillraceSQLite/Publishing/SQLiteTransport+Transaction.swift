public import Millrace

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

extension SQLiteTransport {
    /// Publishes messages in a transaction of yours: they are there when you commit, and never were when you roll back. An outbox
    /// that needs no relay.
    ///
    /// Not `async`, because the transaction holds the file's lock. Subscriptions notice after
    /// ``SQLiteOptions/pollInterval`` at most.
    ///
    /// - Throws: A `MillraceError`: `invalidTopic`, `invalidMessage`, `closed`; `invalidOption` when the transaction is on another
    ///   file; `connectionFailed` and others when SQLite refuses. Then none of the messages is in the transaction, and the rest of
    ///   it stands.
    public func publish(_ messages: [Message], to topic: String, in transaction: SQLiteTransaction) throws {
        try Naming.checkTopic(topic)
        for message in messages { try Naming.check(message) }
        try checkOpen()
        guard Self.isSameFile(transaction.file, options.path) else {
            throw MillraceError.invalidOption(
                "transaction", "on '\(transaction.file)'", bound: "on the transport's file, '\(options.path)'",
                of: "SQLiteTransport.publish")
        }
        guard !messages.isEmpty else { return }
        try transaction.part {
            let topics = TopicTable(on: transaction.connection, schema: transaction.schema)
            let table = MessageTable(topics, on: transaction.connection, schema: transaction.schema)
            try table.append(messages, to: topics.id(of: topic), at: core.clock.unixMilliseconds)
            try topics.save()
        }
    }

    /// Publishes one message in a transaction of yours. See ``publish(_:to:in:)-([Message],_,_)``.
    public func publish(_ message: Message, to topic: String, in transaction: SQLiteTransaction) throws {
        try publish([message], to: topic, in: transaction)
    }

    /// Paths may differ and mean the same.
    private static func isSameFile(_ one: String, _ other: String) -> Bool {
        var (first, second) = (stat(), stat())
        guard stat(one, &first) == 0, stat(other, &second) == 0 else { return false }
        return first.st_dev == second.st_dev && first.st_ino == second.st_ino
    }
}
