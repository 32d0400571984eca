@testable import MillraceRedis
import Millrace
import MillraceTesting
import TestSupport
import Testing

extension RedisTests {
    /// A primary that is found through Sentinels, and found again when another one takes its place.
    @Suite("Sentinels") struct Sentinels {
        /// A primary, a replica of it, and a Sentinel that watches both.
        private static func start() async throws -> (primary: RedisServer, replica: RedisServer, sentinel: RedisSentinel) {
            let primary = try await RedisServer.start()
            let replica = try await RedisServer.start(.init(extra: ["replicaof 127.0.0.1 \(primary.port)"]))
            let sentinel = try await BlockingCall.run { try RedisSentinel(watching: primary.port, as: "main") }
            return (primary, replica, sentinel)
        }

        @Test("name the primary, also after a fail-over; what is published arrives") func failOver() async throws {
            let (primary, replica, sentinel) = try await Self.start()
            try await withTimeLimit(RedisTests.patience, "a Sentinel that knows the replica") {
                while try await !sentinel.command("SENTINEL", "REPLICAS", "main").contains("\(replica.port)") {
                    await Task.yield()
                }
            }
            // One of the Sentinels does not answer: the next one is asked.
            let url = "redis-sentinel://127.0.0.1:1,127.0.0.1:\(sentinel.port)/0?primary=main&connect-timeout=4s"
            let transport = try await RedisTransport(url: url, observers: Observers())
            let subscription = try await transport.subscribe(to: "topic", SubscriptionOptions(group: "g"))
            try await transport.publish(Message(text: "before"), to: "topic")
            #expect(try await texts(1, of: subscription) == ["before"])
            try await subscription.flush()
            try await withTimeLimit(RedisTests.patience, "a replica that has everything") {
                while try await !replica.command("XLEN", "topic").hasPrefix(":1") { await Task.yield() }
            }
            primary.kill9()
            try await transport.publish(Message(text: "after"), to: "topic")
            #expect(try await texts(1, of: subscription) == ["after"])
            #expect(try await replica.command("XLEN", "topic").hasPrefix(":2"))
            await transport.close()
        }

        @Test("that know no such primary, or are not there, are a clear error in time") func unknown() async throws {
            let (_, _, sentinel) = try await Self.start()
            for (url, part) in [
                ("redis-sentinel://127.0.0.1:\(sentinel.port)?primary=other", "primary 'other'"),
                ("redis-sentinel://127.0.0.1:1?primary=main&connect-timeout=1s", "127.0.0.1:1"),
            ] {
                let error = await #expect(throws: MillraceError.self) {
                    try await withTimeLimit(RedisTests.patience, "an error") {
                        _ = try await RedisTransport(url: url, observers: Observers())
                    }
                }
                #expect(error?.code == .connectionFailed)
                #expect(error?.message.contains(part) == true, "\(error?.message ?? "")")
            }
        }

        private func texts(_ count: Int, of subscription: any Subscription) async throws -> [String] {
            try await withTimeLimit(RedisTests.patience, "\(count) deliveries") {
                var texts: [String] = []
                var batch = DeliveryBatch()
                while texts.count < count, try await subscription.pull(into: &batch, upTo: 10) {
                    texts += batch.records.compactMap(\.message.payload.text)
                    subscription.acknowledge(batch.records.map(\.token))
                    batch.removeAll()
                }
                return texts
            }
        }
    }
}
