import Foundation
import Millrace
import MillraceSQLite

/// What is measured on files, in a folder named by `--sqlite FOLDER`; the folder's disk is what counts.
enum SQLiteScenario {
    static func all(folder: String) -> [Scenario] {
        [SQLiteOptions.Synchronous.normal, .full].flatMap { all(folder: folder, $0) }
            + [
                scenario("sqlite-latency", "from publish to receipt, at 2,000 messages a second", folder, .normal) {
                    load, broker, _ in
                    try await Scenario.latency(load, on: broker)
                }
            ]
    }

    private static func all(folder: String, _ synchronous: SQLiteOptions.Synchronous) -> [Scenario] {
        let suffix = synchronous == .full ? "-full" : ""
        return [
            raw("sqlite-raw\(suffix)", folder, synchronous),
            scenario("sqlite-publish\(suffix)", "64 tasks publish one message per call", folder, synchronous) { load, broker, _ in
                try await timed { try await Scenario.publish(load, to: "bench", on: broker, tasks: 64, size: 1) }
            },
            scenario("sqlite-publish-100\(suffix)", "one task publishes 100 messages per call", folder, synchronous) {
                load, broker, _ in
                try await timed { try await Scenario.publish(load, to: "bench", on: broker, tasks: 1, size: 100) }
            },
            scenario("sqlite-consume\(suffix)", "one group pulls a backlog and acknowledges", folder, synchronous) {
                load, broker, _ in
                try await broker.prepare(topic: "bench", group: "bench")
                try await Scenario.publish(load, to: "bench", on: broker, tasks: 4, size: 100)
                return try await timed {
                    let subscription = try await broker.subscribe(
                        to: "bench", SubscriptionOptions(group: "bench", prefetch: 4_096))
                    _ = try await Scenario.drain(subscription, load.count)
                }
            },
            scenario("sqlite-both\(suffix)", "64 tasks publish, one group pulls and acknowledges", folder, synchronous) {
                load, broker, _ in
                try await timed {
                    let subscription = try await broker.subscribe(
                        to: "bench", SubscriptionOptions(group: "bench", prefetch: 4_096))
                    async let received = Scenario.drain(subscription, load.count)
                    try await Scenario.publish(load, to: "bench", on: broker, tasks: 64, size: 1)
                    _ = try await received
                }
            },
        ]
    }

    private static func timed(_ body: () async throws -> Void) async throws -> Scenario.Outcome {
        let clock = ContinuousClock()
        let start = clock.now
        try await body()
        return Scenario.Outcome(delivered: -1, elapsed: start.duration(to: clock.now))
    }

    /// A scenario on a file of its own.
    private static func scenario(
        _ name: String, _ summary: String, _ folder: String, _ synchronous: SQLiteOptions.Synchronous,
        _ body: @escaping @Sendable (Load, SQLiteTransport, String) async throws -> Scenario.Outcome
    ) -> Scenario {
        Scenario(
            name: name, summary: summary,
            measuring: { load in
                let path = "\(folder)/bench-\(MessageID.next()).db"
                defer { for ending in ["", "-wal", "-shm"] { unlink(path + ending) } }
                let broker = try await SQLiteTransport(SQLiteOptions(path: path, synchronous: synchronous), observers: .none)
                let outcome = try await body(load, broker, path)
                await broker.close()
                return Scenario.Outcome(delivered: load.count, elapsed: outcome.elapsed, note: outcome.note)
            })
    }

    /// The same rows by hand, 100 in each transaction.
    private static func raw(_ name: String, _ folder: String, _ synchronous: SQLiteOptions.Synchronous) -> Scenario {
        Scenario(
            name: name, summary: "a loop by hand inserts the same rows, 100 in a transaction",
            measuring: { load in
                let path = "\(folder)/bench-\(MessageID.next()).db"
                defer { for ending in ["", "-wal", "-shm"] { unlink(path + ending) } }
                // The tables, and nothing else.
                try await SQLiteTransport(SQLiteOptions(path: path, synchronous: synchronous), observers: .none).close()
                let outcome = try await timed { try RawSQLite.insert(load, into: path, synchronous) }
                return Scenario.Outcome(delivered: load.count, elapsed: outcome.elapsed)
            })
    }
}
