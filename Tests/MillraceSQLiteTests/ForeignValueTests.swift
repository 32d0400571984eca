import Foundation
import Millrace
import MillraceSQLite
import TestSupport
import Testing

/// What another program may have written into the file. Whatever it is, the process goes on.
@Suite struct ForeignValueTests {
    private static let absurd = [Int64.max, Int64.min, -1, 1 << 62]

    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func open() async throws -> SQLiteTransport {
        try await SQLiteTransport.open(folder) {
            $0.careInterval = .milliseconds(10)
            $0.retention = SQLiteRetention(maximumLength: 5, maximumAge: .seconds(3_600), deletesUnacknowledged: true)
        }
    }

    private func execute(_ statement: String) throws { try RawDatabase(folder.file("messages.db")).execute(statement) }

    /// So long that everything that looks at the file by itself has done so.
    private func settle() async throws { try await SystemClock.shared.sleep(for: .milliseconds(100)) }

    @Test("A topic's last position", arguments: absurd) func last(_ value: Int64) async throws {
        let broker = try await open()
        try await broker.publish(Message(text: "1"), to: "t")
        let reader = try await broker.subscribe(to: "t", SubscriptionOptions(group: "g"))
        try execute("UPDATE millrace_topics SET last = \(value)")
        try await settle()
        // Where there is no room behind it, or there are messages already, publishing is refused.
        let error = await millraceError { try await broker.publish(Message(text: "2"), to: "t") }
        #expect(error?.code ?? .publishFailed == .publishFailed)
        try await settle()
        #expect(reader.lag ?? 0 >= 0)
        await broker.close()
    }

    @Test("A group's position", arguments: absurd) func cursor(_ value: Int64) async throws {
        let broker = try await open()
        try await broker.publish((0..<10).map { Message(text: "\($0)") }, to: "t")
        let reader = try await broker.subscribe(to: "t", SubscriptionOptions(group: "g", prefetch: 1))
        try execute("UPDATE millrace_groups SET cursor = \(value)")
        try await settle()
        #expect(reader.lag ?? 0 >= 0)
        try await broker.publish(Message(text: "later"), to: "t")
        await broker.close()
    }

    @Test("A topic's id", arguments: absurd) func topic(_ value: Int64) async throws {
        let broker = try await open()
        try await broker.publish(Message(text: "1"), to: "t")
        try execute("INSERT INTO millrace_topics (id, name) VALUES (\(value), 'other')")
        try await settle()
        for error in [
            await millraceError { try await broker.publish(Message(text: "1"), to: "other") },
            await millraceError { try await broker.subscribe(to: "other", SubscriptionOptions(group: "g")) },
        ] {
            let expected = "overflow: topic 'other' has the id \(value) in the file, it must be 1 to 8388607"
            #expect(error?.description.contains(expected) == true, "\(error?.description ?? "")")
        }
        try await broker.publish(Message(text: "1"), to: "t")
        await broker.close()
    }

    @Test("A claim's position, and a message's", arguments: absurd) func claim(_ value: Int64) async throws {
        let broker = try await open()
        try await broker.prepare(topic: "t", group: "g")
        try execute(
            """
            INSERT INTO millrace_messages VALUES (\(value), 0, 'id', NULL, NULL, 'text');
            INSERT INTO millrace_claims (grp, position, member, not_before, attempts) SELECT id, \(value), 0, 0, 1 FROM millrace_groups;
            """)
        let reader = try await broker.subscribe(to: "t", SubscriptionOptions(group: "g"))
        try await broker.publish(Message(text: "own"), to: "t")
        var texts: [String] = []
        while texts.last != "own" {
            let records = try await reader.take(1)
            reader.acknowledge(records.map(\.token))
            texts += records.map(\.text)
        }
        try await reader.flush()
        await broker.close()
    }

    @Test("How often a message was tried", arguments: absurd) func attempts(_ value: Int64) async throws {
        let broker = try await open()
        try await broker.prepare(topic: "t", group: "g")
        try await broker.publish(Message(text: "counted"), to: "t")
        let first = try await broker.subscribe(to: "t", SubscriptionOptions(group: "g"))
        first.settle(try #require(try await first.take(1).first).token, .retry(after: .zero))
        await first.close()
        try execute("UPDATE millrace_claims SET attempts = \(value)")
        let second = try await broker.subscribe(to: "t", SubscriptionOptions(group: "g"))
        second.settle(try #require(try await second.take(1).first).token, .retry(after: .zero))
        #expect(try await second.take(1).map(\.text) == ["counted"])
        await broker.close()
    }

    @Test("The version of the tables", arguments: [-1, Int64.max]) func version(_ value: Int64) async throws {
        await (try open()).close()
        try execute("UPDATE millrace_schema SET version = \(value)")
        let error = await millraceError { try await open() }
        #expect(error?.code == .unsupported)
        #expect(error?.message.contains("its schema has version \(value)") == true)
    }

    @Test("The version of a state") func state() async throws {
        let broker = try await open()
        let store = SQLiteStateStore(on: broker)
        _ = try await store.save([1], for: "key", in: "sagas", replacing: 0, expiresAt: nil)
        try execute("UPDATE millrace_states SET version = \(Int64.max)")
        let error = await millraceError {
            try await store.save([2], for: "key", in: "sagas", replacing: Int64.max, expiresAt: nil)
        }
        #expect(error?.code == .overflow)
        #expect(try await store.load("key", in: "sagas")?.value == [1])
        await broker.close()
    }
}
