import Millrace

/// Everything that the writer does with the file. Used by its thread alone.
final class SQLiteStore {
    let connection: SQLiteConnection
    let topics: TopicTable
    let messages: MessageTable
    let groups: GroupTable
    let claims: ClaimTable
    let scheduled: ScheduledTable
    let retention: RetentionTable
    let states: StateTable
    private let begin: SQLiteStatement
    private let commit: SQLiteStatement
    private let rollback: SQLiteStatement
    private let dataVersion: SQLiteStatement

    init(_ connection: SQLiteConnection) {
        self.connection = connection
        topics = TopicTable(on: connection.handle)
        messages = MessageTable(topics, on: connection.handle)
        groups = GroupTable(on: connection)
        claims = ClaimTable(on: connection)
        scheduled = ScheduledTable(topics, on: connection)
        retention = RetentionTable(on: connection)
        states = StateTable(on: connection)
        begin = connection.statement("BEGIN IMMEDIATE")
        commit = connection.statement("COMMIT")
        rollback = connection.statement("ROLLBACK")
        dataVersion = connection.statement("PRAGMA data_version")
    }

    /// Waits for the lock.
    func beginTransaction() throws { try begin.run() }

    func commitTransaction() throws {
        try topics.save()
        try commit.run()
        topics.committed()
    }

    /// Undoes everything. SQLite may have done it already.
    func undoTransaction() {
        if !connection.isIdle { try? rollback.run() }
        topics.rolledBack()
    }

    /// A number that is another one when another connection has changed the file.
    func foreignVersion() throws -> Int64 { try dataVersion.first { $0.integer(0) } ?? 0 }
}
