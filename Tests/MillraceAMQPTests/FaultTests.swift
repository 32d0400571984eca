import Foundation
import Millrace
import MillraceAMQP
import MillraceTesting
import TestSupport
import Testing

extension AMQPTests {
    /// What goes wrong in a broker. On a server that the tests of this suite share, one after the other.
    @Suite("A broker", .serialized) struct Faults {
        private let topic = "faults-\(MessageID.next())"
        private let group = "g"

        private func connect(
            _ server: RabbitServer, _ observers: Observers = Observers(), _ change: (inout AMQPOptions) -> Void = { _ in }
        ) async throws -> AMQPTransport {
            var options = try AMQPOptions(url: server.url)
            options.maximumReconnectDelay = .milliseconds(500)
            change(&options)
            return try await AMQPTransport(options, observers: observers)
        }

        /// How often each number has come.
        private final class Seen: Sendable {
            private struct State {
                var counts: [Int: Int] = [:]
                /// What is waited for, and who is told when all of it has come.
                var missing: Set<Int> = []
                var arrived = Signal()
            }

            private let state = Lock(State())

            func note(_ batch: DeliveryBatch) {
                let arrived = state.withLock { state -> Signal? in
                    for record in batch.records {
                        let number = record.message.payload.text.flatMap { Int($0) } ?? -1
                        state.counts[number, default: 0] += 1
                        state.missing.remove(number)
                    }
                    return state.missing.isEmpty ? state.arrived : nil
                }
                arrived?.fire()
            }

            func contains(_ number: Int) -> Bool { state.withLock { $0.counts[number] != nil } }

            /// Waits until all of these have come.
            func wait(for numbers: Set<Int>, _ what: String) async throws {
                let arrived = state.withLock { state in
                    state.missing = numbers.filter { state.counts[$0] == nil }
                    state.arrived = Signal()
                    if state.missing.isEmpty { state.arrived.fire() }
                    return state.arrived
                }
                try await withTimeLimit(AMQPTests.patience, what) { try await arrived.wait() }
            }

            var repeated: Int { state.withLock { $0.counts.values.count { $0 > 1 } } }
        }

        /// What became of published messages: which were accepted, and which nobody knows of.
        private struct Published: Sendable {
            var accepted: Set<Int> = []
            var failed: Set<Int> = []
        }

        /// Publishes a thousand messages a second in calls of ten for so long, and notes what became of each.
        private func publish(on transport: AMQPTransport, for duration: Duration) async -> Published {
            let topic = topic
            return await withTaskGroup(of: Published.self) { tasks in
                let clock = SystemClock.shared
                let (start, calls) = (clock.now, Int(duration / .milliseconds(10)))
                for call in 0..<calls {
                    let wait = clock.now.duration(to: start.advanced(by: .milliseconds(10) * call))
                    if wait > .zero { try? await clock.sleep(for: wait) }
                    tasks.addTask {
                        let numbers = (0..<10).map { call * 10 + $0 }
                        do {
                            try await transport.publish(numbers.map { Message(text: "\($0)") }, to: topic)
                            return Published(accepted: Set(numbers))
                        } catch let error as MillraceError {
                            let failed = Set(error.failures.map { numbers[$0.index] })
                            return Published(accepted: Set(numbers).subtracting(failed), failed: failed)
                        } catch { return Published() }
                    }
                }
                return await tasks.reduce(into: Published()) {
                    $0.accepted.formUnion($1.accepted)
                    $0.failed.formUnion($1.failed)
                }
            }
        }

        /// Reads and acknowledges numbers into a log.
        private func read(_ subscription: any Subscription, into seen: Seen) -> Task<Void, any Error> {
            Task {
                var batch = DeliveryBatch()
                while try await subscription.pull(into: &batch, upTo: 64) {
                    seen.note(batch)
                    subscription.acknowledge(batch.records.map(\.token))
                    batch.removeAll()
                }
            }
        }

        /// Checks that everything accepted has come, that everything is accounted for, and that nothing comes after it was done.
        private func check(
            _ published: Published, count: Int, _ seen: Seen, _ reading: Task<Void, any Error>,
            _ transports: AMQPTransport...
        ) async throws {
            #expect(published.accepted.count + published.failed.count == count, "messages unaccounted for")
            try await seen.wait(for: published.accepted, "everything that was accepted")
            for transport in transports { await transport.close() }
            _ = await reading.result
        }

        /// A minute with `MILLRACE_STORM=60`.
        @Test("that closes all connections again and again loses nothing") func storm() async throws {
            let server = try await RabbitServer.disturbed
            let seconds = ProcessInfo.processInfo.environment["MILLRACE_STORM"].flatMap { Int($0) } ?? 11
            let (publisher, reader) = (try await connect(server), try await connect(server))
            let subscription = try await reader.subscribe(to: topic, SubscriptionOptions(group: group))
            let seen = Seen()
            let reading = read(subscription, into: seen)
            let closing = Task {
                var count = 0
                while !Task.isCancelled {
                    try await SystemClock.shared.sleep(for: .seconds(seconds < 30 ? 2 : 5))
                    try await server.control("close_all_connections", "storm")
                    count += 1
                }
                return count
            }
            let published = await publish(on: publisher, for: .seconds(seconds))
            closing.cancel()
            _ = await closing.result
            let count = seconds * 1_000
            #expect(published.accepted.count > count / 2)
            try await check(published, count: count, seen, reading, publisher, reader)
            print(
                "storm of \(seconds) s: \(published.accepted.count) accepted, \(published.failed.count) failed, "
                    + "\(seen.repeated) repeated")
        }

        @Test("whose memory is used up lets publishers wait, and goes on") func memoryAlarm() async throws {
            let server = try await RabbitServer.disturbed
            let events = RecordingObserver()
            let transport = try await connect(server, Observers([events])) { $0.publishTimeout = .seconds(2) }
            let subscription = try await transport.subscribe(to: topic, SubscriptionOptions(group: group))
            let seen = Seen()
            let reading = read(subscription, into: seen)
            try await transport.publish(Message(text: "0"), to: topic)
            try await server.control("set_vm_memory_high_watermark", "absolute", "1MB")
            // The first after the alarm goes out; what the broker says then holds up the others.
            var refused: MillraceError?
            for number in 1...3 where refused == nil {
                do {
                    try await transport.publish(Message(text: "\(number)"), to: topic)
                } catch let error as MillraceError { refused = error }
            }
            #expect(refused?.isRetriable == true && refused?.code == .publishFailed)
            _ = try await events.event { event in
                guard case .log(let message, _, _) = event.kind else { return false }
                return message.contains("takes no messages for now")
            }
            let (waitingTopic, waitingTransport) = (topic, try await connect(server))
            let waiting = Task { try await waitingTransport.publish(Message(text: "9"), to: waitingTopic) }
            try await server.control("set_vm_memory_high_watermark", "0.4")
            try await withTimeLimit(AMQPTests.patience, "the publisher that waits") { try await waiting.value }
            try await transport.publish(Message(text: "10"), to: topic)
            try await seen.wait(for: [0, 9, 10], "what was accepted")
            await waitingTransport.close()
            await transport.close()
            _ = await reading.result
        }

        @Test("that refuses a user's messages says so, and not to try again") func refusedUser() async throws {
            let server = try await RabbitServer.disturbed
            try await server.control("add_user", "reader", "secret")
            try await server.control("set_permissions", "reader", ".*", "^allowed", ".*")
            let transport = try await connect(server) { ($0.username, $0.password) = ("reader", "secret") }
            for _ in 0..<2 {
                let error = await #expect(throws: MillraceError.self) {
                    try await transport.publish(Message(text: "x"), to: topic)
                }
                #expect(error?.isRetriable == false)
                #expect("\(error.map { "\($0)" } ?? "")".contains("ACCESS_REFUSED"))
            }
            try await transport.publish(Message(text: "x"), to: "allowed-\(topic)")
            await transport.close()
        }

        @Test("that does not take a retry back leaves the message where it was") func refusedRetry() async throws {
            let server = try await RabbitServer.disturbed
            let transport = try await connect(server) { $0.publishTimeout = .seconds(1) }
            let subscription = try await transport.subscribe(to: topic, SubscriptionOptions(group: group))
            try await transport.publish(Message(text: "1"), to: topic)
            var batch = DeliveryBatch()
            _ = try await subscription.pull(into: &batch, upTo: 1)
            try await server.control("set_vm_memory_high_watermark", "absolute", "1MB")
            // What is published first tells whom to hold up.
            _ = try? await transport.publish(Message(text: "2"), to: topic + "-other")
            subscription.settle(batch.records[0].token, .retry(after: .zero))
            try await withTimeLimit(AMQPTests.patience, "the close") { await transport.close() }
            try await server.control("set_vm_memory_high_watermark", "0.4")
            let other = try await connect(server)
            let probe = try await TopicProbe(of: topic, on: other, group: group)
            #expect(try await probe.next().payload.text == "1")
            await other.close()
        }

        @Test("that deletes a queue under its consumer gets another one") func deletedQueue() async throws {
            let server = try await RabbitServer.disturbed
            let transport = try await connect(server)
            let subscription = try await transport.subscribe(to: topic, SubscriptionOptions(group: group))
            let seen = Seen()
            let reading = read(subscription, into: seen)
            try await transport.publish(Message(text: "1"), to: topic)
            try await seen.wait(for: [1], "the first")
            try await server.control("delete_queue", "\(topic)_\(group)")
            // Until it is there again, nobody gets what is published.
            let topic = topic
            try await withTimeLimit(AMQPTests.patience, "another queue") {
                while !seen.contains(2) {
                    try await transport.publish(Message(text: "2"), to: topic)
                    try await SystemClock.shared.sleep(for: .milliseconds(20))
                }
            }
            await transport.close()
            _ = await reading.result
        }

        @Test(
            "keeps retries however long they wait: their queues have no end of their own",
            arguments: AMQPTopology.QueueType.allCases)
        func lifetimes(_ type: AMQPTopology.QueueType) async throws {
            let server = try await RabbitServer.disturbed
            let transport = try await connect(server) { $0.topology.queueType = type }
            let subscription = try await transport.subscribe(to: topic, SubscriptionOptions(group: group))
            try await transport.publish(Message(text: "1"), to: topic)
            var batch = DeliveryBatch()
            _ = try await subscription.pull(into: &batch, upTo: 1)
            subscription.settle(batch.records[0].token, .retry(after: .seconds(5)))
            try await subscription.flush()
            let queues = try await server.control("list_queues", "name", "type", "arguments", "--silent")
            let waiting = queues.split(separator: "\n").filter { $0.hasPrefix("\(topic)_\(group).") }
            #expect(waiting.count == 1 && waiting[0].contains("\t\(type)\t"), "\(queues)")
            #expect(waiting.allSatisfy { $0.contains("x-message-ttl") && !$0.contains("x-expires") }, "\(waiting)")
            await subscription.close()
            try await transport.remove(topic: topic)
            let left = try await server.control("list_queues", "name", "--silent")
            #expect(!left.contains("\(topic)_\(group)"))
            await transport.close()
        }

        @Test("that is killed loses nothing that it has confirmed") func killed() async throws {
            let server = try await RabbitServer.disturbed
            let transport = try await connect(server)
            let subscription = try await transport.subscribe(to: topic, SubscriptionOptions(group: group, prefetch: 50))
            let seen = Seen()
            let reading = read(subscription, into: seen)
            let killing = Task {
                try await SystemClock.shared.sleep(for: .seconds(1))
                server.kill9()
                try await server.startAgain()
            }
            let published = await publish(on: transport, for: .seconds(3))
            try await killing.value
            try await check(published, count: 3_000, seen, reading, transport)
        }

        @Test("that is restarted is found again", arguments: ConformanceTest.all.filter { $0.name == "reconnect" })
        func restarted(_ test: ConformanceTest) async throws {
            let server = try await RabbitServer.disturbed
            var subject = ConformanceSubject.amqp(server.url, .publishSubscribe)
            subject.idleTimeout = .seconds(120)
            subject.restart = { try await server.restart() }
            #expect(try await test.run(on: subject) == .passed)
        }
    }
}
