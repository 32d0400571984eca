import Millrace
import MillraceSQLite
import MillraceTesting
import TestSupport
import Testing

/// What files keep.
@Suite struct RetentionTests {
    private func setUp(
        _ folder: TemporaryFolder, _ retention: SQLiteRetention, observers: Observers = Observers()
    ) async throws -> (SQLiteTransport, ManualClock, RawDatabase) {
        let clock = ManualClock()
        let broker = try await SQLiteTransport.open(folder, clock: clock, observers: observers) { $0.retention = retention }
        return (broker, clock, try RawDatabase(folder.file("messages.db")))
    }

    private func count(_ database: RawDatabase) throws -> Int { try database.number("SELECT count(*) FROM millrace_messages") }

    @Test func deletesWhatAllGroupsHaveAcknowledged() async throws {
        let folder = try TemporaryFolder()
        let (broker, clock, database) = try await setUp(folder, SQLiteRetention(deletesAcknowledged: true))
        let one = try await broker.subscribe(to: "t", SubscriptionOptions(group: "one", prefetch: 3_000))
        let two = try await broker.subscribe(to: "t", SubscriptionOptions(group: "two", prefetch: 3_000))
        try await broker.publish((0..<2_500).map { Message(text: "\($0)") }, to: "t")
        one.acknowledge(try await one.take(2_500).map(\.token))
        try await one.flush()
        clock.advance(by: .seconds(1))
        let tokens = try await two.take(2_500).map(\.token)
        two.acknowledge(Array(tokens[..<2_000]) + Array(tokens[2_001...]))
        try await two.flush()
        clock.advance(by: .seconds(1))
        // All before the one that is not acknowledged.
        try await waitUntil { try count(database) == 500 }
        two.acknowledge([tokens[2_000]])
        try await two.flush()
        clock.advance(by: .seconds(1))
        try await waitUntil { try count(database) == 0 }
        // Positions are not given out again.
        try await broker.publish(Message(text: "next"), to: "t")
        #expect(try database.number("SELECT id & 0xFFFFFFFFFF FROM millrace_messages") == 2_501)
        await broker.close()
    }

    @Test func keepsWhatIsNotAcknowledgedBeyondAnyBound() async throws {
        let folder = try TemporaryFolder()
        let (broker, clock, database) = try await setUp(
            folder, SQLiteRetention(maximumLength: 10, maximumAge: .seconds(60)))
        let reader = try await broker.subscribe(to: "t", SubscriptionOptions(group: "g"))
        try await broker.publish((0..<100).map { Message(text: "\($0)") }, to: "t")
        try await broker.publish((0..<100).map { Message(text: "\($0)") }, to: "nobody reads this")
        clock.advance(by: .seconds(1))
        try await waitUntil { try count(database) == 110 }
        reader.acknowledge(try await reader.take(100).prefix(50).map(\.token))
        try await reader.flush()
        clock.advance(by: .seconds(1))
        try await waitUntil { try count(database) == 60 }
        clock.advance(by: .seconds(60))
        try await waitUntil { try count(database) == 50 }
        await broker.close()
    }

    @Test func deletesUnacknowledgedAndReportsIt() async throws {
        let folder = try TemporaryFolder()
        let observer = RecordingObserver()
        let (broker, clock, database) = try await setUp(
            folder, SQLiteRetention(maximumLength: 10, deletesUnacknowledged: true), observers: Observers([observer]))
        try await broker.prepare(topic: "t", group: "g")
        try await broker.publish((0..<100).map { Message(text: "\($0)") }, to: "t")
        clock.advance(by: .seconds(1))
        try await waitUntil { try count(database) == 10 }
        let reader = try await broker.subscribe(to: "t", SubscriptionOptions(group: "g"))
        #expect(try await reader.take(10).map(\.text) == (90..<100).map { "\($0)" })
        let dropped = observer.events.compactMap { event -> Int? in
            if case .messagesDropped("t", let count, _) = event.kind { count } else { nil }
        }
        #expect(dropped == [90])
        await broker.close()
    }

    @Test func keepsTheFileSmall() async throws {
        let folder = try TemporaryFolder()
        let (broker, clock, database) = try await setUp(folder, SQLiteRetention(maximumBytes: 1_000_000))
        for _ in 0..<10 {
            try await broker.publish((0..<1_000).map { _ in Message(payload: [UInt8](repeating: 7, count: 1_000)) }, to: "t")
        }
        #expect(try database.number("PRAGMA page_count") > 2_000)
        try await waitUntil("a small file") {
            clock.advance(by: .seconds(1))
            let used = try database.number("PRAGMA page_count") - database.number("PRAGMA freelist_count")
            return try used < 250 && database.number("PRAGMA page_count") < 800
        }
        #expect(try count(database) > 0)
        await broker.close()
        #expect(try database.texts("PRAGMA integrity_check") == ["ok"])
    }
}
