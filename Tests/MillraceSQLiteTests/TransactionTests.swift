import Millrace
import MillraceSQLite
import MillraceTesting
import TestSupport
import Testing

/// Publishing and handling in transactions of the application.
@Suite struct TransactionTests {
    @Test func publishesWithACommitAndNotWithARollback() async throws {
        let folder = try TemporaryFolder()
        let broker = try await SQLiteTransport.open(folder)
        let subscription = try await broker.subscribe(to: "orders", SubscriptionOptions(group: "g"))
        try await broker.publish(Message(text: "before"), to: "orders")
        #expect(try await subscription.take(1).map(\.text) == ["before"])
        let database = try RawDatabase(folder.file("messages.db"))
        try database.execute("CREATE TABLE orders (name TEXT)")
        struct Stop: Error {}
        #expect(throws: Stop.self) {
            try SQLiteTransaction.immediate(on: database.handle) { transaction in
                try database.execute("INSERT INTO orders VALUES ('undone')")
                try broker.publish(Message(text: "undone"), to: "orders", in: transaction)
                throw Stop()
            }
        }
        try SQLiteTransaction.immediate(on: database.handle) { transaction in
            try database.execute("INSERT INTO orders VALUES ('done')")
            try broker.publish(
                [Message(text: "done", key: "k", metadata: ["a": "b \" \u{1} ü"]), Message(text: "also")], to: "orders",
                in: transaction)
            try broker.publish(Message(text: "new topic"), to: "made here", in: transaction)
        }
        let records = try await subscription.take(2)
        #expect(records.map(\.text) == ["done", "also"])
        #expect(records[0].message.key == "k")
        #expect(records[0].message.metadata["a"] == "b \" \u{1} ü")
        #expect(records.map(\.position) == [Position(low: 2), Position(low: 3)])
        #expect(try database.texts("SELECT name FROM orders") == ["done"])
        try await broker.publish(Message(text: "after"), to: "made here")
        let other = try await broker.subscribe(to: "made here", SubscriptionOptions(group: "g"))
        #expect(try await other.take(2).map(\.text) == ["new topic", "after"])
        await broker.close()
    }

    @Test func refusesOtherConnections() async throws {
        let folder = try TemporaryFolder()
        let broker = try await SQLiteTransport.open(folder)
        let database = try RawDatabase(folder.file("messages.db"))
        let error = await millraceError { try SQLiteTransaction(openOn: database.handle) }
        #expect(error?.code == .invalidState)
        let stranger = try RawDatabase(folder.file("other.db"))
        let wrong = await millraceError {
            try SQLiteTransaction.immediate(on: stranger.handle) { try broker.publish(Message(text: "x"), to: "t", in: $0) }
        }
        #expect(wrong?.code == .invalidOption)
        #expect(wrong?.message.contains("other.db") == true)
        // The same file under another name is fine.
        try stranger.execute("ATTACH '\(folder.file("messages.db"))' AS \"the broker\"")
        try SQLiteTransaction.immediate(on: stranger.handle, schema: "the broker") {
            try broker.publish(Message(text: "attached"), to: "t", in: $0)
        }
        let subscription = try await broker.subscribe(to: "t", SubscriptionOptions(group: "g"))
        #expect(try await subscription.take(1).map(\.text) == ["attached"])
        await broker.close()
        let closed = await millraceError {
            try SQLiteTransaction.immediate(on: database.handle) { try broker.publish(Message(text: "x"), to: "t", in: $0) }
        }
        #expect(closed?.code == .closed)
    }

    @Test func handlesEachMessageOnce() async throws {
        let folder = try TemporaryFolder()
        let broker = try await SQLiteTransport.open(folder)
        let database = try RawDatabase(folder.file("messages.db"))
        try database.execute("CREATE TABLE ledger (entry TEXT)")
        let messages = [Message(text: "uuid"), Message(id: "a foreign id", text: "foreign")]
        struct Stop: Error {}
        func post(_ message: Message, for consumer: String = "ledger", failing: Bool = false) throws -> Bool? {
            try SQLiteTransaction.immediate(on: database.handle) { transaction in
                try transaction.once(message, for: consumer) {
                    try database.execute("INSERT INTO ledger VALUES ('\(message.payload.text ?? "")')")
                    if failing { throw Stop() }
                    return true
                }
            }
        }
        for message in messages {
            #expect(throws: Stop.self) { try post(message, failing: true) }
            #expect(try post(message) == true)
            #expect(try post(message) == nil)
        }
        #expect(try database.texts("SELECT entry FROM ledger ORDER BY rowid") == ["uuid", "foreign"])
        #expect(try post(messages[0], for: "another") == true)
        await broker.close()
    }

    /// A part that fails leaves the rest of its transaction as it is.
    @Test func failedPartIsUndoneByItself() async throws {
        let folder = try TemporaryFolder()
        let broker = try await SQLiteTransport.open(folder)
        let database = try RawDatabase(folder.file("messages.db"))
        try database.execute("CREATE TABLE ledger (entry TEXT)")
        let message = Message(text: "x")
        struct Stop: Error {}
        try SQLiteTransaction.immediate(on: database.handle) { transaction in
            try database.execute("INSERT INTO ledger VALUES ('the rest')")
            #expect(throws: Stop.self) {
                try transaction.once(message, for: "ledger") {
                    try database.execute("INSERT INTO ledger VALUES ('undone')")
                    throw Stop()
                }
            }
        }
        #expect(try database.texts("SELECT entry FROM ledger") == ["the rest"])
        #expect(try database.number("SELECT count(*) FROM millrace_inbox") == 0)
        await broker.close()
    }

    @Test func inboxForgetsInTime() async throws {
        let folder = try TemporaryFolder()
        let clock = ManualClock(startUnixMilliseconds: SystemClock.shared.unixMilliseconds)
        let broker = try await SQLiteTransport.open(folder, clock: clock) { $0.inboxAge = .seconds(3_600) }
        let database = try RawDatabase(folder.file("messages.db"))
        let message = Message(text: "x")
        try SQLiteTransaction.immediate(on: database.handle) { try $0.once(message, for: "c") {} }
        clock.advance(by: .seconds(3_000))
        try await broker.publish(message, to: "anything")
        #expect(try database.number("SELECT count(*) FROM millrace_inbox") == 1)
        clock.advance(by: .seconds(700))
        try await waitUntil {
            clock.advance(by: .seconds(30))
            return try database.number("SELECT count(*) FROM millrace_inbox") == 0
        }
        await broker.close()
    }
}

/// Waits for something that another thread or process does to a file, which nothing tells of.
func waitUntil(_ what: String = "a change of the file", _ condition: () throws -> Bool) async throws {
    for _ in 0..<6_000 {
        if try condition() { return }
        try await SystemClock.shared.sleep(for: .milliseconds(5))
    }
    throw MillraceError(.timedOut, "\(what): not within 30 seconds", isRetriable: false)
}
