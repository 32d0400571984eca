import Foundation
import Millrace
import MillraceKafka
import MillraceTesting
import Testing

extension KafkaTests {
    /// Members that come and go under load.
    @Suite("A rebalance") struct Rebalances {
        /// What the members of a group have handled, and in what order.
        private final class Ledger: Sendable {
            private struct State {
                var handled: [Int: Int] = [:]
                var last: [Int: Int] = [:]
                var disorder: [String] = []
            }

            private let state = Lock(State())
            private let expected: Int
            let isComplete = Signal()

            init(expected: Int) { self.expected = expected }

            func note(_ number: Int, keys: Int) {
                let isComplete = state.withLock { state in
                    let isFirst = state.handled[number] == nil
                    state.handled[number, default: 0] += 1
                    // What is repeated comes behind what has been handled; only what is new has an order.
                    if isFirst {
                        if let last = state.last[number % keys], last > number {
                            state.disorder.append("\(number) after \(last)")
                        }
                        state.last[number % keys] = number
                    }
                    return state.handled.count == expected
                }
                if isComplete { self.isComplete.fire() }
            }

            var repeated: Int { state.withLock { $0.handled.values.count { $0 > 1 } } }
            var disorder: [String] { state.withLock { $0.disorder } }
        }

        /// `MILLRACE_STORM_SECONDS` makes it longer, and `MILLRACE_STORM_RATE` denser, in messages a second.
        @Test("after the other, while messages come, loses nothing and keeps the order of keys") func storm() async throws {
            let environment = ProcessInfo.processInfo.environment
            let seconds = environment["MILLRACE_STORM_SECONDS"].flatMap { Int($0) } ?? 12
            let rate = environment["MILLRACE_STORM_RATE"].flatMap { Int($0) } ?? 1_000
            let keys = 64
            let cluster = try MockCluster()
            let (topic, group) = ("storm-\(MessageID.next())", "storm-\(MessageID.next())")
            // The mock keeps 5 MiB of each.
            cluster.create(topic, partitions: Int32(max(12, rate * seconds / 10_000)))
            let events = RecordingObserver(level: .warning)
            let ledger = Ledger(expected: rate * seconds)
            let transport = try await KafkaTransport(cluster.options, observers: Observers())

            @Sendable func member() async throws -> (transport: KafkaTransport, work: Task<Void, any Error>) {
                let transport = try await KafkaTransport(cluster.options, observers: Observers([events]))
                let reader = try await transport.subscribe(
                    to: topic, SubscriptionOptions(group: group, prefetch: 256, ordered: .byKey))
                let work = Task {
                    var batch = DeliveryBatch()
                    while try await reader.pull(into: &batch, upTo: 32) {
                        for record in batch.records {
                            if let number = record.message.payload.text.flatMap({ Int($0) }) { ledger.note(number, keys: keys) }
                        }
                        reader.acknowledge(batch.records.map(\.token))
                        batch.removeAll()
                    }
                }
                return (transport, work)
            }

            var members = [try await member(), try await member()]
            let publishing = Task {
                for tick in 0..<(seconds * 10) {
                    let first = tick * rate / 10
                    try await transport.publish(
                        (first..<first + rate / 10).map { Message(text: "\($0)", key: "\($0 % keys)") }, to: topic)
                    try await SystemClock.shared.sleep(for: .milliseconds(100))
                }
            }
            for step in 0..<(seconds / 2) {
                try await SystemClock.shared.sleep(for: .seconds(2))
                if step % 2 == 0 {
                    members.append(try await member())
                } else {
                    let leaving = members.removeFirst()
                    await leaving.transport.close()
                    try await leaving.work.value
                }
            }
            try await publishing.value
            try await withTimeLimit(.seconds(120), "all messages") { try await ledger.isComplete.wait() }
            #expect(ledger.disorder == [])
            // Each one that is repeated was done by a member that could not commit it any more, and said so.
            let reasons = events.events.compactMap { if case .disconnected(_, let error) = $0.kind { "\(error)" } else { nil } }
            if reasons.isEmpty { #expect(ledger.repeated == 0) }
            print("storm of \(seconds) s: \(rate * seconds) messages, \(ledger.repeated) repeated, \(reasons)")
            for member in members { await member.transport.close() }
            await transport.close()
        }
    }
}
