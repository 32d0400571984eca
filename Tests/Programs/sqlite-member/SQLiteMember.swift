import Millrace
import MillraceSQLite

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// A process that shares a file with others, for tests that kill it:
///
///     sqlite-member URL publish NAME     publishes messages to 'crash' until it is killed; writes a line for each that was accepted
///     sqlite-member URL handle           handles messages of 'crash' in group 'g', keys in order; writes a line for each
///     sqlite-member URL conform          runs the conformance suite; writes what fails, and ends
@main struct SQLiteMember {
    static func main() async throws {
        let arguments = CommandLine.arguments
        guard arguments.count >= 3 else { exit(2) }
        let url = arguments[1]
        switch arguments[2] {
        case "publish": try await publish(url, arguments.last ?? "")
        case "handle": try await handle(url)
        case "conform": exit(try await Conformance.run(url) ? 0 : 1)
        default: exit(2)
        }
    }

    private static func publish(_ url: String, _ name: String) async throws {
        let broker = try await SQLiteTransport(SQLiteOptions(url: url), observers: Observers())
        var number = 0
        while true {
            // Calls of different sizes, some of them at the same time.
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                for size in [1, 7, 30] {
                    let first = number
                    number += size
                    tasks.addTask {
                        let texts = (first..<first + size).map { "\(name)-\($0)" }
                        let messages = texts.enumerated().map { Message(text: $0.element, key: "\($0.offset % 5)") }
                        try await broker.publish(messages, to: "crash")
                        write(texts)
                    }
                }
                try await tasks.waitForAll()
            }
        }
    }

    private static func handle(_ url: String) async throws {
        let broker = try await SQLiteTransport(SQLiteOptions(url: url), observers: Observers())
        let subscription = try await broker.subscribe(
            to: "crash", SubscriptionOptions(group: "g", prefetch: 64, ordered: .byKey, lease: .seconds(1)))
        var batch = DeliveryBatch()
        while try await subscription.pull(into: &batch, upTo: 16) {
            write(batch.records.map { $0.message.payload.text ?? "" })
            subscription.acknowledge(batch.records.map(\.token))
            batch.removeAll()
        }
    }

    /// Writes without a buffer: nothing must be left in it when the process is killed.
    static func write(_ lines: [String]) {
        let bytes = Array(lines.map { $0 + "\n" }.joined().utf8)
        var written = 0
        while written < bytes.count {
            let count = bytes[written...].withUnsafeBytes { rest in
                #if canImport(Glibc)
                Glibc.write(1, rest.baseAddress, rest.count)
                #elseif canImport(Musl)
                Musl.write(1, rest.baseAddress, rest.count)
                #else
                Darwin.write(1, rest.baseAddress, rest.count)
                #endif
            }
            guard count > 0 else { exit(1) }
            written += count
        }
    }
}
