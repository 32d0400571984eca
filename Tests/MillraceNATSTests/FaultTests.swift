import Foundation
import Millrace
import MillraceNATS
import MillraceTesting
import TestSupport
import Testing

extension NATSTests {
    /// Members and servers that die.
    @Suite struct Faults {
        @Test("What a killed member held is handled by another one after its lease, and nothing else twice")
        func killedMember() async throws {
            let server = try await NATSServer.start()
            let transport = try await server.connect()
            let folder = try TemporaryFolder()
            let (held, rest) = (1_000, 500)
            try await transport.prepare(topic: "killed", group: "g")
            try await transport.publish((0..<held).map { Message(text: "held \($0)") }, to: "killed")
            let member = try ChildProcess(
                program: "nats-member", [server.url, "killed", "\(held)"], log: folder.file("member"))
            try await BlockingCall.run { try member.wait(for: "1,000 lines") { member.lines.count == held } }
            let subscription = try await transport.subscribe(
                to: "killed", SubscriptionOptions(group: "g", prefetch: 300, lease: .seconds(2)))
            try await transport.publish((0..<rest).map { Message(text: "rest \($0)") }, to: "killed")
            // What the member holds is not handed to another one while it lives.
            var before: [DeliveryRecord] = []
            while before.count < rest { before += try await Self.take(from: subscription) }
            #expect(before.allSatisfy { $0.message.payload.text?.hasPrefix("rest") == true })
            #expect(before.allSatisfy { $0.attempt == 1 })
            member.kill(9)
            let killedAt = ContinuousClock.now
            var after: [DeliveryRecord] = []
            while after.count < held { after += try await Self.take(from: subscription) }
            #expect(ContinuousClock.now - killedAt < .seconds(20))
            #expect(Set(after.map { $0.message.payload.text ?? "" }) == Set(member.lines.map(String.init)))
            #expect(after.count == held)
            #expect(after.allSatisfy { $0.attempt == 2 })
            var more = DeliveryBatch()
            let quiet = SystemClock.shared.now.advanced(by: .seconds(3))
            _ = try await subscription.pull(into: &more, upTo: 1, until: quiet)
            #expect(more.isEmpty)
            await transport.close()
        }

        @Test("What was given up before there was a link leaves nothing behind", arguments: [NATSOptions.Mode.core, .jetStream])
        func givenUp(_ mode: NATSOptions.Mode) async throws {
            let server = try await NATSServer.start()
            let (before, after) = (RecordingObserver(level: .warning), RecordingObserver(level: .info))
            let transport = try await server.connect(Observers([before])) { $0.mode = mode }
            try await transport.prepare(topic: "given-up", group: "g")
            try await server.kill9()
            try await before.event { if case .disconnected = $0.kind { true } else { false } }
            transport.attach(after)
            let publishing = Task { try await transport.publish(Message(text: "given up"), to: "given-up") }
            publishing.cancel()
            await #expect(throws: (any Error).self) { try await publishing.value }
            try await server.restart()
            try await after.event { if case .connected = $0.kind { true } else { false } }
            let subscription = try await transport.subscribe(to: "given-up", SubscriptionOptions(group: "g"))
            try await transport.publish(Message(text: "next"), to: "given-up")
            // What was given up may have been on its way already.
            var texts: [String?] = []
            while texts.last != "next" { texts += try await Self.take(from: subscription).map { $0.message.payload.text } }
            await transport.close()
        }

        private static func take(from subscription: any Subscription) async throws -> [DeliveryRecord] {
            var batch = DeliveryBatch()
            let deadline = SystemClock.shared.now.advanced(by: patience)
            guard try await subscription.pull(into: &batch, upTo: 100, until: deadline) else {
                throw MillraceError(.timedOut, "nothing came", isRetriable: false)
            }
            subscription.acknowledge(batch.records.map(\.token))
            return Array(batch.records)
        }

        /// `MILLRACE_NATS_STORM` is for how many seconds; 6 otherwise.
        @Test("A server that is killed under 5,000 messages a second loses nothing that it acknowledged, and no order")
        func storm() async throws {
            let seconds = ProcessInfo.processInfo.environment["MILLRACE_NATS_STORM"].flatMap { Double($0) } ?? 6
            let server = try await NATSServer.start()
            let transport = try await server.connect { $0.publishTimeout = .seconds(60) }
            let total = Int(seconds * 5_000)
            let topics = ["storm-0", "storm-1"]
            let subscriptions = try await topics.asyncMap { topic in
                try await transport.subscribe(to: topic, SubscriptionOptions(group: "g", prefetch: 1_000, lease: .seconds(2)))
            }
            let copy = try await transport.subscribe(to: topics[0], SubscriptionOptions(prefetch: 1_000))
            let killing = Task {
                for _ in 0..<max(2, Int(seconds / 3)) {
                    try await SystemClock.shared.sleep(for: .seconds(1.2))
                    try await server.restart(killing: true)
                }
            }
            async let publishing: Void = Self.publish(total / topics.count, to: topics, on: transport)
            async let first = Self.drain(subscriptions[0], total / topics.count)
            async let second = Self.drain(subscriptions[1], total / topics.count)
            async let copied = Self.drain(copy, total / topics.count)
            try await publishing
            try await killing.value
            for records in [try await first, try await second] {
                // What was on its way when the server died comes again after its lease; all else in its order.
                let numbers = Self.firstTimes(records.filter { $0.attempt == 1 })
                #expect(numbers == numbers.sorted())
                #expect(Set(Self.firstTimes(records)) == Set(0..<total / topics.count))
            }
            // Read without a group: the order of the stream, which is that of publishing.
            let order = Self.firstTimes(try await copied)
            #expect(order == Array(0..<total / topics.count))
            await transport.close()
        }

        /// At 5,000 a second over all topics, for each topic one call after the other. What was late is made up for.
        private static func publish(_ count: Int, to topics: [String], on transport: NATSTransport) async throws {
            let (step, interval) = (100, Duration.seconds(1) * 100 * topics.count / 5_000)
            try await withThrowingTaskGroup { group in
                for topic in topics {
                    group.addTask {
                        var due = SystemClock.shared.now
                        for start in stride(from: 0, to: count, by: step) {
                            let messages = (start..<min(start + step, count)).map { Message(text: "\($0)", key: topic) }
                            try await transport.publish(messages, to: topic)
                            due = due.advanced(by: interval)
                            let wait = SystemClock.shared.now.duration(to: due)
                            if wait > .zero { try await SystemClock.shared.sleep(for: wait) }
                        }
                    }
                }
                try await group.waitForAll()
            }
        }

        /// What comes until there are so many different numbers.
        private static func drain(_ subscription: any Subscription, _ count: Int) async throws -> [DeliveryRecord] {
            var all: [DeliveryRecord] = []
            var seen: Set<Int> = []
            while seen.count < count {
                let records = try await take(from: subscription)
                for record in records { seen.insert(number(record)) }
                all += records
            }
            return all
        }

        private static func number(_ record: DeliveryRecord) -> Int { record.message.payload.text.flatMap { Int($0) } ?? -1 }

        /// The numbers, in the order in which they came for the first time.
        private static func firstTimes(_ records: [DeliveryRecord]) -> [Int] {
            var seen: Set<Int> = []
            return records.map(number).filter { seen.insert($0).inserted }
        }

        @Test("A server that hangs is noticed, and everything goes on when it is back")
        func hang() async throws {
            let server = try await NATSServer.start()
            let observer = RecordingObserver(level: .info)
            let transport = try await server.connect(Observers([observer])) { $0.pingInterval = .milliseconds(200) }
            let probe = try await TopicProbe(of: "hang", on: transport, group: "g")
            try await transport.publish(Message(text: "before"), to: "hang")
            _ = try await probe.next()
            server.pause()
            async let published: Void = transport.publish(Message(text: "during"), to: "hang")
            _ = try await observer.event(within: patience) { event in
                if case .disconnected = event.kind { true } else { false }
            }
            server.resume()
            try await published
            #expect(try await probe.next().payload.text == "during")
            await transport.close()
        }

        @Test("A connection that is cut again and again loses nothing and keeps the order of what is published")
        func cuts() async throws {
            let server = try await NATSServer.shared
            let proxy = try TCPProxy(to: server.port)
            let transport = try await NATSTransport(NATSOptions(servers: ["127.0.0.1:\(proxy.port)"]), observers: Observers())
            let direct = try await server.connect()
            let topic = "cuts-\(MessageID.next())"
            let probe = try await TopicProbe(of: topic, on: direct)
            proxy.cutRandomly(every: .milliseconds(100), sparing: 2_000, RandomSource(seed: 7))
            let count = 5_000
            for start in stride(from: 0, to: count, by: 50) {
                try await transport.publish((start..<start + 50).map { Message(text: "\($0)") }, to: topic)
                try await SystemClock.shared.sleep(for: .milliseconds(5))
            }
            let numbers = try await probe.collect(count).map { Int($0.payload.text ?? "") }
            #expect(numbers == (0..<count).map { $0 })
            await transport.close()
            await direct.close()
        }
    }
}

extension Sequence {
    /// The elements, one after the other.
    fileprivate func asyncMap<Output>(_ body: (Element) async throws -> Output) async rethrows -> [Output] {
        var results: [Output] = []
        for element in self { results.append(try await body(element)) }
        return results
    }
}
