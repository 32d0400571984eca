import Millrace
import MillraceMemory
import MillraceTesting
import Testing

extension MemoryTests {
    /// Shutting the router down under full load: every accepted message is handled once or still in the transport, none
    /// twice, none lost.
    @Suite struct Shutdown {
        struct Load: Sendable, CustomTestStringConvertible {
            var concurrency: Int
            var ordered = Millrace.Ordering.byTransport
            var capacity = 256
            var isPipeline = false

            var testDescription: String {
                "\(isPipeline ? "pipeline" : "consumer"), concurrency \(concurrency), \(ordered), capacity \(capacity)"
            }

            static let all = [
                Load(concurrency: 1), Load(concurrency: 8), Load(concurrency: 8, ordered: .byKey),
                Load(concurrency: 1, capacity: 4), Load(concurrency: 8, ordered: .byKey, capacity: 4),
                Load(concurrency: 1, isPipeline: true), Load(concurrency: 8, isPipeline: true),
                Load(concurrency: 8, ordered: .byKey, capacity: 4, isPipeline: true),
            ]
        }

        @Test(arguments: Load.all) func hundredTimesUnderFullLoad(_ load: Load) async throws {
            let random = RandomSource(seed: 100)
            for round in 0..<100 {
                try await withTimeLimit(.seconds(20), "round \(round)") { try await shutDown(load, random, round: round) }
            }
        }

        private func shutDown(_ load: Load, _ random: RandomSource, round: Int) async throws {
            let broker = try MemoryTransport(MemoryOptions(capacity: load.capacity), observers: Observers())
            for (topic, group) in [("a", "first"), ("b", "second")] { try await broker.prepare(topic: topic, group: group) }
            let router = Router(RouterOptions(observers: []))
            let (handled, accepted) = (Tally(), Tally())
            let moment = Int(random.next() % 150)
            let options = HandlerOptions(concurrency: load.concurrency, ordered: load.ordered)
            let finish: @Sendable (Message) async -> Void = { message in
                if message.id.low % 4 == 0 { await Task.yield() }
                if handled.add(message.id) == moment { router.shutdown() }
            }
            if load.isPipeline {
                try router.handle("first", from: "a", on: broker, to: "b", options: options) { message, _ in [message] }
                try router.consume("second", from: "b", on: broker, options: options) { message, _ in await finish(message) }
            } else {
                try router.consume("first", from: "a", on: broker, options: options) { message, _ in await finish(message) }
            }
            if moment == 0 { router.shutdown() }
            let producers = (0..<3).map { producer in Task { await produce(on: broker, producer, accepted) } }
            try await router.run(stoppingOn: [])
            for producer in producers { producer.cancel() }
            for producer in producers { await producer.value }
            var sum = handled.all
            for (topic, group) in [("a", "first"), ("b", "second")] {
                let depth = try #require(broker.depth(of: topic, group: group))
                #expect(depth.inFlight == 0 && depth.delayed == 0, "round \(round): \(depth)")
                let rest = try await drain(topic, group, on: broker)
                #expect(depth.waiting == rest.count, "round \(round): what is left of '\(topic)'")
                for id in rest { sum[id, default: 0] += 1 }
            }
            let sent = Set(accepted.all.keys)
            let lost = sent.subtracting(sum.keys)
            let doubled = sum.filter { $0.value > 1 }
            #expect(lost.isEmpty, "round \(round): \(lost.count) of \(sent.count) are lost")
            #expect(doubled.isEmpty, "round \(round): \(doubled.count) of \(sent.count) came twice")
            #expect(sum.count == sent.count, "round \(round): more came than was accepted")
            #expect(sent.count >= moment)
        }

        /// Publishes one message after the other, and a batch now and then, until it is cancelled.
        private func produce(on broker: MemoryTransport, _ producer: Int, _ accepted: Tally) async {
            var number = 0
            while !Task.isCancelled {
                number += 1
                let count = number % 16 == 0 ? 20 : 1
                let messages = (0..<count).map { Message(text: "\(producer)", key: "key \((number + $0) % 5)") }
                do {
                    if count == 1 {
                        try await broker.publish(messages[0], to: "a")
                    } else {
                        try await broker.publish(messages, to: "a")
                    }
                    for message in messages { accepted.add(message.id) }
                } catch {
                    let refused = Set(((error as? MillraceError)?.failures ?? []).map(\.index))
                    for index in messages.indices where !refused.contains(index) { accepted.add(messages[index].id) }
                }
            }
        }

        private func drain(_ topic: String, _ group: String, on broker: MemoryTransport) async throws -> [MessageID] {
            let reader = try await broker.subscribe(to: topic, SubscriptionOptions(group: group))
            var ids: [MessageID] = []
            var batch = DeliveryBatch()
            while try await reader.pull(into: &batch, upTo: 64, until: SystemClock.shared.now) {
                ids += batch.records.map(\.message.id)
                for record in batch.records { #expect(record.attempt == 1) }
                reader.acknowledge(batch.records.map(\.token))
                batch.removeAll()
            }
            return ids
        }
    }
}
