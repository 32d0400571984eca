internal import CSQLite
import Millrace

/// A transaction on a connection of yours to a transport's file: what you write and what you publish is there together, or not at
/// all.
///
/// ```swift
/// try SQLiteTransaction.immediate(on: database) { transaction in
///     try insert(order, into: database)
///     try broker.publish([Message(encoding: OrderPlaced(order))], to: "orders", in: transaction)
/// }
/// ```
///
/// It is no more than a name for the connection, and is used where the connection is: it can't be sent elsewhere. While it is open,
/// nobody else writes to the file, publishers of the transport among them: keep it short, and await nothing in it.
public struct SQLiteTransaction {
    let connection: OpaquePointer
    /// The name of the schema, in quotes.
    let schema: String
    /// The file that the schema stands for.
    let file: String

    /// The transaction that is open on a connection.
    ///
    /// Begin it with `BEGIN IMMEDIATE`: one that only reads at first may find that it can't write any more.
    ///
    /// - Parameters:
    ///   - connection: A `sqlite3 *` of any SQLite library in the process, which stays yours: it is neither closed nor changed.
    ///   - schema: Under which name the transport's file is attached to the connection. Defaults to `main`, the file that was opened.
    /// - Throws: A `MillraceError` of code `invalidState` when no transaction is open.
    public init(openOn connection: OpaquePointer, schema: String = "main") throws {
        guard sqlite3_get_autocommit(connection) == 0 else {
            throw MillraceError(
                .invalidState, "the connection has no open transaction, it must have one: BEGIN IMMEDIATE", isRetriable: false)
        }
        self.connection = connection
        file = sqlite3_db_filename(connection, schema).map { String(cString: $0) } ?? ""
        self.schema = "\"" + schema.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
    }

    /// Runs `body` in a transaction of its own, which is committed when it returns and rolled back when it throws.
    ///
    /// Throws what `body` throws, and a `MillraceError` when the transaction can't be begun or committed; with the lock in somebody
    /// else's hands it waits as long as the connection's busy time-out says, which is not at all unless you set it.
    public static func immediate<Result>(
        on connection: OpaquePointer, schema: String = "main", _ body: (SQLiteTransaction) throws -> Result
    ) throws -> Result {
        try execute("BEGIN IMMEDIATE", on: connection)
        do {
            let result = try body(SQLiteTransaction(openOn: connection, schema: schema))
            try execute("COMMIT", on: connection)
            return result
        } catch {
            if sqlite3_get_autocommit(connection) == 0 { try? execute("ROLLBACK", on: connection) }
            throw error
        }
    }

    /// Runs a part that is done as a whole or not at all, whatever becomes of the rest.
    func part<Result>(_ body: () throws -> Result) throws -> Result {
        try Self.execute("SAVEPOINT millrace", on: connection)
        do {
            let result = try body()
            try Self.execute("RELEASE millrace", on: connection)
            return result
        } catch {
            // A full disk may have rolled everything back already.
            if sqlite3_get_autocommit(connection) == 0 {
                try? Self.execute("ROLLBACK TO millrace", on: connection)
                try? Self.execute("RELEASE millrace", on: connection)
            }
            throw (error as? SQLiteFailure)?.error ?? error
        }
    }

    private static func execute(_ text: String, on connection: OpaquePointer) throws {
        let code = sqlite3_exec(connection, text, nil, nil, nil)
        guard code == SQLITE_OK else { throw SQLiteFailure(sqlite3_extended_errcode(connection), of: connection).error }
    }
}

@available(*, unavailable)
extension SQLiteTransaction: Sendable {}
