import Millrace

/// Who of a group has which message, and what waits. Used by the writer's thread.
final class ClaimTable {
    /// A message that nobody has and that may be taken.
    struct Free {
        let position: Int64
        let attempts: Int64
        let lane: Int64?
    }

    private let insert: SQLiteStatement
    private let take: SQLiteStatement
    private let delete: SQLiteStatement
    private let deleteRange: SQLiteStatement
    private let giveBack: SQLiteStatement
    private let count: SQLiteStatement
    private let free: SQLiteStatement
    private let nextDue: SQLiteStatement
    private let isHeld: SQLiteStatement
    private let freeCount: SQLiteStatement
    private let leave: SQLiteStatement
    private let deleteGroup: SQLiteStatement
    private let connection: SQLiteConnection

    init(on connection: SQLiteConnection) {
        self.connection = connection
        insert = connection.statement(
            """
            INSERT INTO millrace_claims (grp, position, member, not_before, attempts, lane) VALUES (?1, ?2, ?3, 0, 1, ?4)
            """)
        take = connection.statement("UPDATE millrace_claims SET member = ?3, lane = ?4 WHERE grp = ?1 AND position = ?2")
        delete = connection.statement("DELETE FROM millrace_claims WHERE grp = ?1 AND position = ?2")
        deleteRange = connection.statement(
            "DELETE FROM millrace_claims WHERE grp = ?1 AND position BETWEEN ?2 AND ?3 AND member = ?4")
        giveBack = connection.statement(
            """
            UPDATE millrace_claims SET member = 0, not_before = ?4, attempts = ?5
            WHERE grp = ?1 AND position = ?2 AND member = ?3
            """)
        count = connection.statement("UPDATE millrace_claims SET attempts = ?4 WHERE grp = ?1 AND position = ?2 AND member = ?3")
        free = connection.statement(
            """
            SELECT position, attempts, lane FROM millrace_claims INDEXED BY millrace_claims_free
            WHERE grp = ?1 AND member = 0 AND not_before <= ?2 ORDER BY not_before, position LIMIT ?3
            """)
        nextDue = connection.statement(
            """
            SELECT not_before FROM millrace_claims INDEXED BY millrace_claims_free
            WHERE grp = ?1 AND member = 0 AND not_before > ?2 ORDER BY not_before LIMIT 1
            """)
        isHeld = connection.statement(
            """
            SELECT 1 FROM millrace_claims INDEXED BY millrace_claims_lane
            WHERE grp = ?1 AND lane = ?2 AND lane IS NOT NULL AND position < ?3 AND member <> ?4 LIMIT 1
            """)
        freeCount = connection.statement(
            "SELECT count(*) FROM millrace_claims INDEXED BY millrace_claims_free WHERE grp = ?1 AND member = 0")
        leave = connection.statement(
            "UPDATE millrace_claims SET member = 0, attempts = attempts + ?3 WHERE grp = ?1 AND member = ?2")
        deleteGroup = connection.statement("DELETE FROM millrace_claims WHERE grp = ?1")
    }

    // MARK: Take

    /// Notes that a message behind the cursor was taken, or, by member 0, that it was passed over.
    func insert(_ position: Int64, of group: Int64, for member: Int64, lane: Int64?) throws {
        try insert.bind(1, group)
        try insert.bind(2, position)
        try insert.bind(3, member)
        if let lane { try insert.bind(4, lane) } else { try insert.bindNull(4) }
        try insert.run()
    }

    func take(_ position: Int64, of group: Int64, for member: Int64, lane: Int64?) throws {
        try take.bind(1, group)
        try take.bind(2, position)
        try take.bind(3, member)
        if let lane { try take.bind(4, lane) } else { try take.bindNull(4) }
        try take.run()
    }

    /// What nobody has and is due, first what has waited longest.
    func free(_ limit: Int, of group: Int64, at now: Int64) throws -> [Free] {
        try free.bind(1, group)
        try free.bind(2, now)
        try free.bind(3, Int64(limit))
        var found: [Free] = []
        while try free.step() {
            found.append(
                Free(position: free.integer(0), attempts: free.integer(1), lane: free.isNull(2) ? nil : free.integer(2)))
        }
        return found
    }

    /// When something becomes due that nobody has; nil when nothing will.
    func nextDue(of group: Int64, after now: Int64) throws -> Int64? {
        try nextDue.bind(1, group)
        try nextDue.bind(2, now)
        return try nextDue.first { $0.integer(0) }
    }

    /// Whether a lane has an earlier message that somebody else has, or that nobody has.
    func isHeld(_ lane: Int64, before position: Int64, of group: Int64, besides member: Int64) throws -> Bool {
        try isHeld.bind(1, group)
        try isHeld.bind(2, lane)
        try isHeld.bind(3, position)
        try isHeld.bind(4, member)
        return try isHeld.first { _ in true } ?? false
    }

    func freeCount(of group: Int64) throws -> Int {
        try freeCount.bind(1, group)
        return Int(try freeCount.first { $0.integer(0) } ?? 0)
    }

    // MARK: Settle

    /// Forgets messages of a member that are done. Returns how many there were.
    func delete(_ positions: ClosedRange<Int64>, of group: Int64, by member: Int64) throws -> Int {
        try deleteRange.bind(1, group)
        try deleteRange.bind(2, positions.lowerBound)
        try deleteRange.bind(3, positions.upperBound)
        try deleteRange.bind(4, member)
        try deleteRange.run()
        return connection.changes
    }

    /// Forgets a message, whoever has it: it is no longer there.
    func delete(_ position: Int64, of group: Int64) throws {
        try delete.bind(1, group)
        try delete.bind(2, position)
        try delete.run()
    }

    /// Leaves a message of a member to anybody, from a time on. False when it was not the member's any more.
    func giveBack(_ position: Int64, of group: Int64, by member: Int64, notBefore time: Int64, attempts: Int64) throws -> Bool {
        try giveBack.bind(1, group)
        try giveBack.bind(2, position)
        try giveBack.bind(3, member)
        try giveBack.bind(4, time)
        try giveBack.bind(5, attempts)
        try giveBack.run()
        return connection.changes > 0
    }

    func setAttempts(_ attempts: Int64, of position: Int64, of group: Int64, by member: Int64) throws {
        try count.bind(1, group)
        try count.bind(2, position)
        try count.bind(3, member)
        try count.bind(4, attempts)
        try count.run()
    }

    /// Leaves everything that a member has to anybody. `attempts` are added to each message's.
    func leave(_ member: Int64, of group: Int64, attempts: Int64) throws {
        try leave.bind(1, group)
        try leave.bind(2, member)
        try leave.bind(3, attempts)
        try leave.run()
    }

    func deleteAll(of group: Int64) throws {
        try deleteGroup.bind(1, group)
        try deleteGroup.run()
    }
}
