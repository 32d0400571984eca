import Millrace

/// The values of a ``SQLiteStateStore``. Used by the writer's thread.
final class StateTable {
    /// What became of a write. Not an error, which would undo what else is in the transaction.
    enum Outcome<Value: Sendable>: Sendable {
        case done(Value)
        case conflict(found: Int64)
    }

    private static let columns = "key, value, version, created_at, changed_at, expires_at"
    /// How many values that are over a write deletes at most.
    private static let expiryLimit = 8

    private let find: SQLiteStatement
    private let write: SQLiteStatement
    private let delete: SQLiteStatement
    private let deleteExpired: SQLiteStatement
    private let select: SQLiteStatement

    init(on connection: SQLiteConnection) {
        find = connection.statement(
            """
            SELECT \(Self.columns) FROM millrace_states
            WHERE collection = ?1 AND key = ?2 AND (expires_at IS NULL OR expires_at > ?3)
            """)
        write = connection.statement(
            """
            INSERT OR REPLACE INTO millrace_states (collection, key, version, created_at, changed_at, expires_at, value)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
            """)
        delete = connection.statement("DELETE FROM millrace_states WHERE collection = ?1 AND key = ?2")
        deleteExpired = connection.statement(
            """
            DELETE FROM millrace_states WHERE rowid IN (
                SELECT rowid FROM millrace_states WHERE expires_at IS NOT NULL AND expires_at <= ?1 LIMIT \(Self.expiryLimit))
            """)
        select = connection.statement(
            """
            SELECT \(Self.columns) FROM millrace_states
            WHERE collection = ?1 AND created_at < ?2 AND (expires_at IS NULL OR ?3 AND expires_at > ?4)
            ORDER BY created_at, key LIMIT ?5
            """)
    }

    func load(_ key: String, in collection: String, at now: Int64) throws -> StoredState? {
        try find.bind(1, collection)
        try find.bind(2, key)
        try find.bind(3, now)
        return try find.first(read)
    }

    func save(
        _ value: [UInt8], for key: String, in collection: String, replacing version: Int64, expiresAt expiry: Int64?,
        at now: Int64
    ) throws -> Outcome<StoredState> {
        let old = try load(key, in: collection, at: now)
        guard old?.version ?? 0 == version else { return .conflict(found: old?.version ?? 0) }
        let (next, overflow) = version.addingReportingOverflow(1)
        guard !overflow else {
            throw MillraceError(
                .overflow, "'\(key)' of '\(collection)' has version \(version), there is none behind it", isRetriable: false)
        }
        let new = StoredState(
            key: key, value: value, version: next, createdAt: old?.createdAt ?? now, changedAt: now, expiresAt: expiry)
        try write.bind(1, collection)
        try write.bind(2, key)
        try write.bind(3, new.version)
        try write.bind(4, new.createdAt)
        try write.bind(5, now)
        if let expiry { try write.bind(6, expiry) } else { try write.bindNull(6) }
        try value.withUnsafeBytes { bytes in
            try write.bindBytes(7, bytes)
            try write.run()
        }
        try deleteExpired.bind(1, now)
        try deleteExpired.run()
        return .done(new)
    }

    func remove(_ key: String, in collection: String, replacing version: Int64, at now: Int64) throws -> Outcome<Void> {
        let found = try load(key, in: collection, at: now)?.version ?? 0
        guard found == version else { return .conflict(found: found) }
        try delete.bind(1, collection)
        try delete.bind(2, key)
        try delete.run()
        return .done(())
    }

    func list(_ collection: String, _ query: StateQuery, at now: Int64) throws -> [StoredState] {
        try select.bind(1, collection)
        try select.bind(2, query.createdBefore ?? .max)
        try select.bind(3, query.includesExpiring ? 1 : 0)
        try select.bind(4, now)
        try select.bind(5, Int64(query.limit))
        var states: [StoredState] = []
        while try select.step() { states.append(read(select)) }
        return states
    }

    private func read(_ row: SQLiteStatement) -> StoredState {
        StoredState(
            key: row.text(0), value: [UInt8](row.bytes(1)), version: row.integer(2), createdAt: row.integer(3),
            changedAt: row.integer(4), expiresAt: row.isNull(5) ? nil : row.integer(5))
    }
}
