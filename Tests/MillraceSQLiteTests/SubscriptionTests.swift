import Millrace
import MillraceSQLite
import MillraceTesting
import TestSupport
import Testing

/// Groups and their members, beyond what every transport is asked for.
@Suite struct SubscriptionTests {
    @Test(
        arguments: [
            (.beginning, "1 2 3 4"), (.after(Position(low: 2)), "3 4"), (.after(Position(low: 0)), "1 2 3 4"),
            (.time(unixMilliseconds: 2_000), "2 3 4"), (.time(unixMilliseconds: 2_001), "3 4"),
            (.time(unixMilliseconds: 9_000), "4"), (.now, "4"),
        ] as [(StartPosition, String)], ["g", nil])
    func startsWhereItIsStated(_ start: (position: StartPosition, expected: String), group: String?) async throws {
        let folder = try TemporaryFolder()
        let clock = ManualClock(startUnixMilliseconds: 1_000)
        let broker = try await SQLiteTransport.open(folder, clock: clock)
        for text in ["1", "2", "3"] {
            try await broker.publish(Message(text: text), to: "t")
            clock.advance(by: .seconds(1))
        }
        let subscription = try await broker.subscribe(to: "t", SubscriptionOptions(group: group, start: start.position))
        try await broker.publish(Message(text: "4"), to: "t")
        var texts: [String] = []
        while texts.last != "4" { texts += try await subscription.take(1).map(\.text) }
        #expect(texts.joined(separator: " ") == start.expected)
        await broker.close()
    }

    /// Acknowledgements and rejections of the same moment, each written once.
    @Test func settlementsAreWrittenOnce() async throws {
        let folder = try TemporaryFolder()
        let observer = RecordingObserver()
        let broker = try await SQLiteTransport.open(folder, observers: Observers([observer]))
        let reader = try await broker.subscribe(to: "t", SubscriptionOptions(group: "g"))
        let letters = try await broker.subscribe(to: "t.dead-letter", SubscriptionOptions(group: "g"))
        for _ in 0..<50 {
            try await broker.publish((0..<6).map { Message(text: "\($0)") }, to: "t")
            for record in try await reader.take(6) {
                reader.settle(record.token, record.text == "2" ? .reject(reason: "test") : .acknowledge)
            }
            let letter = try await letters.take(1, within: .seconds(20))
            letters.acknowledge(letter.map(\.token))
        }
        try await reader.flush()
        await broker.close()
        #expect(observer.count { if case .settlementIgnored = $0.kind { true } else { false } } == 0)
        let database = try RawDatabase(folder.file("messages.db"))
        #expect(try database.number("SELECT count(*) FROM millrace_messages") == 350)
        #expect(try database.number("SELECT count(*) FROM millrace_claims") == 0)
        #expect(try database.number("SELECT count(*) FROM millrace_members") == 0)
    }

    /// A member that does not ask for order keeps it all the same when another one does.
    @Test func oneMemberThatWantsOrderIsEnough() async throws {
        let folder = try TemporaryFolder()
        let broker = try await SQLiteTransport.open(folder)
        let holder = try await broker.subscribe(to: "t", SubscriptionOptions(group: "g", prefetch: 1, ordered: .byKey))
        try await broker.publish(Message(text: "held", key: "h"), to: "t")
        _ = try await holder.take(1)
        let reader = try await broker.subscribe(to: "t", SubscriptionOptions(group: "g"))
        let messages = [("a0", "a"), ("a1", "a"), ("h1", "h"), ("b0", "b"), ("a2", "a")].map { Message(text: $0.0, key: $0.1) }
        try await broker.publish(messages, to: "t")
        let first = try await reader.take(2)
        #expect(first.map(\.text) == ["a0", "b0"])
        #expect(try await reader.isEmpty())
        reader.acknowledge(first.map(\.token))
        let second = try await reader.take(1)
        #expect(second.map(\.text) == ["a1"])
        #expect(try await reader.isEmpty())
        reader.settle(second[0].token, .retry(after: .milliseconds(1)))
        let again = try await reader.take(1)
        #expect(again.map(\.text) == ["a1"])
        reader.acknowledge(again.map(\.token))
        #expect(try await reader.take(1).map(\.text) == ["a2"])
        await broker.close()
    }

    @Test func lagCountsWhatWaits() async throws {
        let folder = try TemporaryFolder()
        let clock = ManualClock()
        let broker = try await SQLiteTransport.open(folder, clock: clock)
        let reader = try await broker.subscribe(to: "t", SubscriptionOptions(group: "g", prefetch: 10))
        try await broker.publish((0..<100).map { Message(text: "\($0)") }, to: "t")
        let records = try await reader.take(10)
        reader.settle(records[0].token, .retry(after: .seconds(3_600)))
        reader.acknowledge([records[1].token])
        try await reader.flush()
        try await waitUntil("the lag") {
            clock.advance(by: .seconds(1))
            return reader.lag == 91
        }
        await broker.close()
    }

    @Test func removedGroupLosesItsSubscriptions() async throws {
        let folder = try TemporaryFolder()
        let clock = ManualClock()
        let broker = try await SQLiteTransport.open(folder, clock: clock)
        let reader = try await broker.subscribe(to: "t", SubscriptionOptions(group: "g"))
        #expect(try await broker.removeGroup("g", of: "t"))
        #expect(try await !broker.removeGroup("g", of: "t"))
        clock.advance(by: .seconds(10))
        let error = await millraceError { try await reader.take(1) }
        #expect(error?.code == .connectionFailed)
        #expect(error?.message.contains("group is gone") == true)
        await reader.close()
        await broker.close()
    }

    /// The copy of a subscription whose process has died goes when its lease has run out, and holds up no retention.
    @Test func copiesOfDeadProcessesGo() async throws {
        let folder = try TemporaryFolder()
        let broker = try await SQLiteTransport.open(folder) { $0.careInterval = .milliseconds(20) }
        try await broker.publish(Message(text: "1"), to: "t")
        let database = try RawDatabase(folder.file("messages.db"))
        // As a process leaves it that was killed.
        try database.execute(
            """
            BEGIN IMMEDIATE;
            INSERT INTO millrace_groups (id, topic, name, cursor) VALUES (77, 1, NULL, 1);
            INSERT INTO millrace_members VALUES (7, 77, 1000);
            INSERT INTO millrace_claims VALUES (77, 1, 7, 0, 1, NULL);
            COMMIT;
            """)
        try await waitUntil { try database.number("SELECT count(*) FROM millrace_groups WHERE id = 77") == 0 }
        #expect(try database.number("SELECT count(*) FROM millrace_claims") == 0)
        await broker.close()
    }

    /// Rows that an application has put there by itself.
    @Test func foreignRowsAreDelivered() async throws {
        let folder = try TemporaryFolder()
        let broker = try await SQLiteTransport.open(folder)
        let reader = try await broker.subscribe(to: "t", SubscriptionOptions(group: "g"))
        let database = try RawDatabase(folder.file("messages.db"))
        try database.execute(
            """
            BEGIN IMMEDIATE;
            INSERT INTO millrace_messages VALUES ((1 << 40) + 1, 0, 'any id', X'FF41', '{"a": "\\u00e9\\n", "b":"\\ud83d\\ude00"}', 'text');
            INSERT INTO millrace_messages VALUES ((1 << 40) + 2, 0, X'00', NULL, '{"a": 1}', X'');
            INSERT INTO millrace_messages VALUES ((1 << 40) + 3, 0, 5, 7, 'nothing', 9);
            UPDATE millrace_topics SET last = 3 WHERE id = 1;
            COMMIT;
            """)
        let records = try await reader.take(3)
        #expect(records[0].message.id == "any id")
        #expect(records[0].message.metadata == ["a": "é\n", "b": "😀"])
        #expect(records[0].text == "text")
        #expect(records[1].message.payload.isEmpty)
        #expect(records[1].message.metadata[MetadataKey.rawMetadata] == "{\"a\": 1}")
        #expect(records[2].message.metadata[MetadataKey.decodingFailure] != nil)
        #expect(records[2].text == "9")
        reader.acknowledge(records.map(\.token))
        await broker.close()
    }
}
