import CSQLite
import Millrace
import MillraceSQLite
import MillraceTesting

/// An application's own connection to a file.
enum OutboxTransaction {
    /// Runs `body` in a transaction, which is undone when it throws ``Flaky``.
    static func run(on file: String, _ body: (SQLiteTransaction) throws -> Void) throws {
        let database = try open(file)
        defer { sqlite3_close(database) }
        do {
            try SQLiteTransaction.immediate(on: database, body)
        } catch is Flaky {}
    }

    /// Waits until a table has so many rows.
    static func waitForRows(_ count: Int, in table: String, of file: String) async throws {
        let database = try open(file)
        defer { sqlite3_close(database) }
        for _ in 0..<2_000 {
            if try rows(of: table, database) == count { return }
            try await SystemClock.shared.sleep(for: .milliseconds(10))
        }
        throw MillraceError(.timedOut, "'\(table)' has \(try rows(of: table, database)) rows, not \(count)", isRetriable: false)
    }

    private static func open(_ file: String) throws -> OpaquePointer {
        var database: OpaquePointer?
        guard sqlite3_open(file, &database) == SQLITE_OK, let database else {
            throw MillraceError(.connectionFailed, "'\(file)' can't be opened", isRetriable: false)
        }
        sqlite3_busy_timeout(database, 10_000)
        return database
    }

    private static func rows(of table: String, _ database: OpaquePointer) throws -> Int {
        var statement: OpaquePointer?
        defer { sqlite3_finalize(statement) }
        guard sqlite3_prepare_v2(database, "SELECT count(*) FROM \(table)", -1, &statement, nil) == SQLITE_OK,
            sqlite3_step(statement) == SQLITE_ROW
        else { throw MillraceError(.invalidState, "'\(table)' can't be read", isRetriable: false) }
        return Int(sqlite3_column_int64(statement, 0))
    }
}
