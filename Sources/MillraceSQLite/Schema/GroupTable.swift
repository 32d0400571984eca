import Millrace

/// Consumer groups and their members. Used by the writer's thread.
final class GroupTable {
    private let find: SQLiteStatement
    private let insert: SQLiteStatement
    private let delete: SQLiteStatement
    private let deleteMembers: SQLiteStatement
    private let readCursor: SQLiteStatement
    private let readOrder: SQLiteStatement
    private let writeOrder: SQLiteStatement
    private let writeCursor: SQLiteStatement
    private let insertMember: SQLiteStatement
    private let findMember: SQLiteStatement
    private let renewMember: SQLiteStatement
    private let deleteMember: SQLiteStatement
    private let dead: SQLiteStatement
    private let hasName: SQLiteStatement
    private let connection: SQLiteConnection

    init(on connection: SQLiteConnection) {
        self.connection = connection
        find = connection.statement("SELECT id FROM millrace_groups WHERE topic = ?1 AND name = ?2")
        insert = connection.statement("INSERT INTO millrace_groups (topic, name, cursor) VALUES (?1, ?2, ?3) RETURNING id")
        delete = connection.statement("DELETE FROM millrace_groups WHERE id = ?1")
        deleteMembers = connection.statement("DELETE FROM millrace_members WHERE grp = ?1")
        readCursor = connection.statement("SELECT cursor FROM millrace_groups WHERE id = ?1")
        readOrder = connection.statement("SELECT ordered FROM millrace_groups WHERE id = ?1")
        // The first of its members decides, and after that any that wants order.
        writeOrder = connection.statement(
            """
            UPDATE millrace_groups SET ordered =
            CASE WHEN EXISTS (SELECT 1 FROM millrace_members WHERE grp = ?1) THEN max(ordered, ?2) ELSE ?2 END WHERE id = ?1
            """)
        writeCursor = connection.statement("UPDATE millrace_groups SET cursor = ?2 WHERE id = ?1")
        insertMember = connection.statement("INSERT OR REPLACE INTO millrace_members (id, grp, alive_until) VALUES (?1, ?2, ?3)")
        findMember = connection.statement("SELECT 1 FROM millrace_members WHERE id = ?1")
        renewMember = connection.statement("UPDATE millrace_members SET alive_until = ?2 WHERE id = ?1")
        deleteMember = connection.statement("DELETE FROM millrace_members WHERE id = ?1")
        dead = connection.statement("SELECT id, grp FROM millrace_members WHERE alive_until < ?1")
        hasName = connection.statement("SELECT name IS NOT NULL FROM millrace_groups WHERE id = ?1")
    }

    /// The group of a name, which begins behind `cursor` if it is new. Without a name it is always new.
    func group(_ name: String?, of topic: Int64, startingAfter cursor: () throws -> Int64) throws -> Int64 {
        if let name {
            if let id = try find(name, of: topic) { return id }
            try insert.bind(2, name)
        } else {
            try insert.bindNull(2)
        }
        try insert.bind(1, topic)
        try insert.bind(3, try cursor())
        return try insert.first { $0.integer(0) } ?? 0
    }

    /// The group of a name; nil when there is none.
    func find(_ name: String, of topic: Int64) throws -> Int64? {
        try find.bind(1, topic)
        try find.bind(2, name)
        return try find.first { $0.integer(0) }
    }

    /// Up to which position messages have been handed out; nil when there is no such group.
    func cursor(of group: Int64) throws -> Int64? {
        try readCursor.bind(1, group)
        return try readCursor.first { RowID.bounded($0.integer(0)) }
    }

    /// Whether some member wants the order of keys to be kept: then all keep it.
    func isOrdered(_ group: Int64) throws -> Bool {
        try readOrder.bind(1, group)
        return try readOrder.first { $0.integer(0) != 0 } ?? false
    }

    func setCursor(of group: Int64, to position: Int64) throws {
        try writeCursor.bind(1, group)
        try writeCursor.bind(2, position)
        try writeCursor.run()
    }

    /// Forgets a group and its members.
    func delete(_ group: Int64) throws {
        for statement in [delete, deleteMembers] {
            try statement.bind(1, group)
            try statement.run()
        }
    }

    /// Whether a group outlives its members; nil when there is no such group.
    func isNamed(_ group: Int64) throws -> Bool? {
        try hasName.bind(1, group)
        return try hasName.first { $0.integer(0) != 0 }
    }

    // MARK: Members

    func join(_ member: Int64, _ group: Int64, until time: Int64, isOrdered: Bool) throws {
        try writeOrder.bind(1, group)
        try writeOrder.bind(2, isOrdered ? 1 : 0)
        try writeOrder.run()
        try insertMember.bind(1, member)
        try insertMember.bind(2, group)
        try insertMember.bind(3, time)
        try insertMember.run()
    }

    func isMember(_ member: Int64) throws -> Bool {
        try findMember.bind(1, member)
        return try findMember.first { _ in true } ?? false
    }

    /// Whether the member was still there.
    func renew(_ member: Int64, until time: Int64) throws -> Bool {
        try renewMember.bind(1, member)
        try renewMember.bind(2, time)
        try renewMember.run()
        return connection.changes > 0
    }

    func leave(_ member: Int64) throws {
        try deleteMember.bind(1, member)
        try deleteMember.run()
    }

    /// Members that have not been heard of in time.
    func dead(at now: Int64) throws -> [(member: Int64, group: Int64)] {
        try dead.bind(1, now)
        var found: [(member: Int64, group: Int64)] = []
        while try dead.step() { found.append((dead.integer(0), dead.integer(1))) }
        return found
    }
}
