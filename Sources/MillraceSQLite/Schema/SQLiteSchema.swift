import Millrace

/// The tables of a file, and how older files become like new ones.
///
/// All names begin with `millrace_`, so that the tables can stand beside those of an application.
enum SQLiteSchema {
    /// What each version adds to the one before it. Entries are never changed, only added.
    static let migrations: [[String]] = [
        [
            """
            CREATE TABLE millrace_topics (
                id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, last INTEGER NOT NULL DEFAULT 0)
            """,
            // The id is topic << 40 | position: the messages of a topic lie together, in their order, in one tree.
            """
            CREATE TABLE millrace_messages (
                id INTEGER PRIMARY KEY, at INTEGER NOT NULL, uuid BLOB NOT NULL, key TEXT, metadata TEXT, payload BLOB NOT NULL)
            """,
            """
            CREATE TABLE millrace_scheduled (
                id INTEGER PRIMARY KEY, due INTEGER NOT NULL, topic INTEGER NOT NULL, uuid BLOB NOT NULL, key TEXT,
                metadata TEXT, payload BLOB NOT NULL)
            """,
            "CREATE INDEX millrace_scheduled_due ON millrace_scheduled (due)",
            // A group without a name is the copy of one subscription, and goes with it.
            """
            CREATE TABLE millrace_groups (
                id INTEGER PRIMARY KEY AUTOINCREMENT, topic INTEGER NOT NULL, name TEXT, cursor INTEGER NOT NULL,
                ordered INTEGER NOT NULL DEFAULT 0, UNIQUE (topic, name))
            """,
            """
            CREATE TABLE millrace_members (
                id INTEGER PRIMARY KEY, grp INTEGER NOT NULL, alive_until INTEGER NOT NULL)
            """,
            // What of a group is at or below its cursor and not acknowledged. Member 0 is nobody: the message may be taken from
            // not_before on. Rows of members are in neither index, so that the usual way costs one insert and one delete.
            """
            CREATE TABLE millrace_claims (
                grp INTEGER NOT NULL, position INTEGER NOT NULL, member INTEGER NOT NULL, not_before INTEGER NOT NULL,
                attempts INTEGER NOT NULL, lane INTEGER, PRIMARY KEY (grp, position)) WITHOUT ROWID
            """,
            "CREATE INDEX millrace_claims_free ON millrace_claims (grp, not_before, position) WHERE member = 0",
            "CREATE INDEX millrace_claims_lane ON millrace_claims (grp, lane, position) WHERE lane IS NOT NULL",
            "CREATE TABLE millrace_inbox (consumer TEXT NOT NULL, message TEXT NOT NULL, at INTEGER NOT NULL, "
                + "PRIMARY KEY (consumer, message)) WITHOUT ROWID",
            "CREATE INDEX millrace_inbox_at ON millrace_inbox (at)",
        ],
        [
            """
            CREATE TABLE millrace_states (
                collection TEXT NOT NULL, key TEXT NOT NULL, version INTEGER NOT NULL, created_at INTEGER NOT NULL,
                changed_at INTEGER NOT NULL, expires_at INTEGER, value BLOB NOT NULL, PRIMARY KEY (collection, key))
            """,
            "CREATE INDEX millrace_states_age ON millrace_states (collection, created_at)",
            "CREATE INDEX millrace_states_expiry ON millrace_states (expires_at) WHERE expires_at IS NOT NULL",
        ],
    ]

    /// Brings a file up to date. Safe when several processes do it at the same time.
    static func migrate(_ connection: SQLiteConnection, file: String) throws {
        if try version(of: connection) == migrations.count { return }
        try connection.execute("BEGIN IMMEDIATE")
        do {
            try connection.execute("CREATE TABLE IF NOT EXISTS millrace_schema (version INTEGER NOT NULL)")
            let version = try version(of: connection)
            guard 0...migrations.count ~= version else {
                throw MillraceError(
                    .unsupported,
                    "SQLite file '\(file)': its schema has version \(version), this Millrace knows up to \(migrations.count)",
                    isRetriable: false)
            }
            for statement in migrations[version...].joined() { try connection.execute(statement) }
            try connection.execute("DELETE FROM millrace_schema")
            try connection.execute("INSERT INTO millrace_schema VALUES (\(migrations.count))")
            try connection.execute("COMMIT")
        } catch {
            if !connection.isIdle { try? connection.execute("ROLLBACK") }
            throw error
        }
    }

    /// The version of a file's tables; 0 when there are none.
    static func version(of connection: SQLiteConnection) throws -> Int {
        let exists = try connection.number("SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'millrace_schema'")
        return exists == 0 ? 0 : Int(try connection.number("SELECT max(version) FROM millrace_schema"))
    }
}
