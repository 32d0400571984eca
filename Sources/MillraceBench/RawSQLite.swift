import CSQLite
import Millrace
import MillraceSQLite

/// What the SQLite transport is held against: a loop that inserts the rows of a topic's messages and does nothing else.
enum RawSQLite {
    private static let rowsPerTransaction = 100

    static func insert(_ load: Load, into path: String, _ synchronous: SQLiteOptions.Synchronous) throws {
        var handle: OpaquePointer?
        guard sqlite3_open(path, &handle) == SQLITE_OK, let database = handle else { throw UsageError("can't open \(path)") }
        defer { sqlite3_close(database) }
        func execute(_ text: String) throws {
            guard sqlite3_exec(database, text, nil, nil, nil) == SQLITE_OK else { throw failure(database) }
        }
        try execute("PRAGMA journal_mode = WAL")
        try execute("PRAGMA synchronous = \(synchronous == .full ? "FULL" : "NORMAL")")
        try execute("PRAGMA cache_size = -16384")
        var compiled: OpaquePointer?
        let text = "INSERT INTO millrace_messages (id, at, uuid, key, metadata, payload) VALUES (?1, ?2, ?3, NULL, NULL, ?4)"
        guard sqlite3_prepare_v2(database, text, -1, &compiled, nil) == SQLITE_OK, let insert = compiled else {
            throw failure(database)
        }
        defer { sqlite3_finalize(insert) }
        let payload = [UInt8](repeating: 7, count: load.size)
        var done = 0
        while done < load.count {
            try execute("BEGIN IMMEDIATE")
            let end = min(load.count, done + rowsPerTransaction)
            while done < end {
                done += 1
                let id = MessageID.next()
                let bits = (id.high.bigEndian, id.low.bigEndian)
                sqlite3_bind_int64(insert, 1, 1 << 40 | Int64(done))
                sqlite3_bind_int64(insert, 2, SystemClock.shared.unixMilliseconds)
                let code = withUnsafeBytes(of: bits) { bits in
                    sqlite3_bind_blob(insert, 3, bits.baseAddress, 16, nil)
                    return payload.withUnsafeBytes { payload in
                        sqlite3_bind_blob(insert, 4, payload.baseAddress, Int32(payload.count), nil)
                        return sqlite3_step(insert)
                    }
                }
                guard code == SQLITE_DONE else { throw failure(database) }
                sqlite3_reset(insert)
            }
            try execute("UPDATE millrace_topics SET last = \(done) WHERE id = 1")
            try execute("COMMIT")
        }
    }

    private static func failure(_ database: OpaquePointer) -> UsageError {
        UsageError("SQLite: \(sqlite3_errmsg(database).map { String(cString: $0) } ?? "")")
    }
}
