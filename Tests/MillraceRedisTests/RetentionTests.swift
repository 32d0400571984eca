@testable import MillraceRedis
import Millrace
import MillraceTesting
import Testing

extension RedisTests {
    /// What a stream keeps, and what it never loses by that.
    @Suite("Retention") struct Retention {
        private let server: RedisServer
        private let topic = "retention-\(MessageID.next())"

        init() async throws { server = try await RedisServer.shared }

        private func connect(_ retention: RedisRetention, _ observer: RecordingObserver? = nil) async throws -> RedisTransport {
            var options = try RedisOptions(url: server.url)
            options.retention = retention
            return try await RedisTransport(options, observers: Observers(observer.map { [$0] } ?? []))
        }

        private func length() async throws -> Int {
            // ":12\r\n"
            let answer = try await server.command("XLEN", topic)
            return Int(answer.dropFirst().prefix { $0.isNumber }) ?? -1
        }

        private func waitFor(_ purpose: String, _ condition: @escaping @Sendable (Int) -> Bool) async throws {
            try await withTimeLimit(RedisTests.patience, purpose) {
                while !condition(try await length()) { await Task.yield() }
            }
        }

        private func take(_ count: Int, from subscription: any Subscription) async throws -> [DeliveryRecord] {
            try await withTimeLimit(RedisTests.patience, "\(count) deliveries") {
                var batch = DeliveryBatch()
                while batch.count < count, try await subscription.pull(into: &batch, upTo: count - batch.count) {}
                return Array(batch.records)
            }
        }

        private let messages = (0..<3_000).map { Message(text: "\($0)") }

        @Test("by length spares what a group has not acknowledged") func byLength() async throws {
            let transport = try await connect(RedisRetention(maximumLength: 1_000, interval: .milliseconds(10)))
            let subscription = try await transport.subscribe(
                to: topic, SubscriptionOptions(group: "slow", prefetch: 5_000))
            try await transport.publish(messages, to: topic)
            let records = try await take(3_000, from: subscription)
            subscription.acknowledge(records[..<500].map(\.token))
            try await waitFor("the trimming of what is acknowledged") { $0 <= 2_600 }
            #expect(try await length() >= 2_500)
            subscription.acknowledge(records[500...].map(\.token))
            try await transport.publish(Message(text: "one more"), to: topic)
            try await waitFor("the trimming down to the length") { $0 <= 1_100 }
            #expect(try await length() >= 1_000)
            await transport.close()
        }

        @Test("without groups trims at once") func noGroups() async throws {
            let transport = try await connect(RedisRetention(maximumLength: 1_000, interval: .milliseconds(10)))
            try await transport.publish(messages, to: topic)
            try await waitFor("the trimming") { $0 <= 1_100 }
            await transport.close()
        }

        @Test("that need not spare anybody is kept with each message, and losses are reported") func unsparing() async throws {
            let observer = RecordingObserver(level: .error)
            let transport = try await connect(RedisRetention(maximumLength: 1_000, trimsUnacknowledged: true), observer)
            try await transport.prepare(topic: topic, group: "g")
            try await transport.publish(messages[..<100].map { $0 }, to: topic)
            // A member that died with all of them: they are nowhere but in the stream.
            _ = try await server.command("XREADGROUP", "GROUP", "g", "dead~1", "COUNT", "100", "STREAMS", topic, ">")
            try await transport.publish(messages, to: topic)
            #expect(try await length() <= 1_100)
            let reader = try await transport.subscribe(to: topic, SubscriptionOptions(group: "g"))
            let event = try await observer.event { if case .messagesDropped = $0.kind { true } else { false } }
            guard case .messagesDropped(let name, let count, let reason) = event.kind else { return }
            #expect(name == topic && count >= 1 && count <= 100)
            #expect(reason.hasPrefix("trimmed off the stream before group 'g' had acknowledged them: "))
            await reader.close()
            await transport.close()
        }

        @Test("by age spares what a group has not acknowledged") func age() async throws {
            for second in 1...300 { _ = try await server.command("XADD", topic, "\(second)-0", "payload", "\(second)") }
            let transport = try await connect(RedisRetention(maximumAge: .seconds(3_600), interval: .milliseconds(10)))
            let subscription = try await transport.subscribe(
                to: topic, SubscriptionOptions(group: "slow", prefetch: 500))
            try await transport.publish(Message(text: "new"), to: topic)
            let records = try await take(301, from: subscription)
            subscription.acknowledge(records[..<150].map(\.token))
            try await waitFor("the trimming of what is acknowledged") { $0 == 201 }
            subscription.acknowledge(records[150...].map(\.token))
            try await waitFor("the trimming of all that is old") { $0 <= 101 }
            await transport.close()
        }

        @Test("that deletes what is done waits for the last group, entry by entry") func deletion() async throws {
            let transport = try await connect(RedisRetention(deletesAcknowledged: true))
            let one = try await transport.subscribe(to: topic, SubscriptionOptions(group: "one", prefetch: 5_000))
            let two = try await transport.subscribe(to: topic, SubscriptionOptions(group: "two", prefetch: 5_000))
            try await transport.publish(messages, to: topic)
            let first = try await take(3_000, from: one)
            one.acknowledge(first.map(\.token))
            try await one.flush()
            #expect(try await length() == 3_000)
            let second = try await take(3_000, from: two)
            // The oldest one stays out.
            two.acknowledge(second[1...].map(\.token))
            try await two.flush()
            #expect(try await length() == 1)
            two.acknowledge([second[0].token])
            try await two.flush()
            #expect(try await length() == 0)
            await transport.close()
        }
    }
}
