@testable import MillraceRedis
import Millrace
import MillraceTesting
import Testing

extension RedisTests {
    /// Connections that are cut at any moment: nothing that was accepted is lost, and keys keep their order.
    @Suite("Under cuts") struct Cuts {
        @Test("everything that was accepted arrives, each key in its order", arguments: Array(UInt64(1)...UInt64(12)))
        func nothingIsLost(seed: UInt64) async throws {
            let server = try await RedisServer.shared
            let proxy = try TCPProxy(to: server.port)
            let options = RedisOptions(
                endpoints: [.tcp(host: "127.0.0.1", port: proxy.port)], connectTimeout: .seconds(2))
            let transport = try await RedisTransport(options, observers: Observers())
            let topic = "cuts-\(MessageID.next())"
            let subscription = try await transport.subscribe(
                to: topic, SubscriptionOptions(group: "g", prefetch: 64, ordered: .byKey, lease: .seconds(5)))
            proxy.cutRandomly(within: 60_000, RandomSource(seed: seed))

            let accepted = Lock<[Int: [Int]]>([:])
            let publishing = Task {
                for number in 0..<400 {
                    let batch = (0..<8).map { key in Message(text: "\(key) \(number)", key: "\(key)") }
                    try await transport.publish(batch, to: topic)
                    accepted.withLock { accepted in for key in 0..<8 { accepted[key, default: []].append(number) } }
                }
            }
            let received = try await withTimeLimit(RedisTests.patience, "all messages") {
                var seen: [Int: [Int]] = [:]
                var batch = DeliveryBatch()
                while seen.values.reduce(0, { $0 + $1.count }) < 3_200 {
                    guard try await subscription.pull(into: &batch, upTo: 16) else { break }
                    for record in batch.records {
                        let parts = (record.message.payload.text ?? "").split(separator: " ").compactMap { Int($0) }
                        if !seen[parts[0], default: []].contains(parts[1]) { seen[parts[0], default: []].append(parts[1]) }
                    }
                    subscription.acknowledge(batch.records.map(\.token))
                    batch.removeAll()
                }
                return seen
            }
            try await publishing.value
            #expect(proxy.cutCount > 3)
            let expected = accepted.withLock { $0 }
            for key in 0..<8 { #expect(received[key] == expected[key], "key \(key)") }
            proxy.stopCutting()
            await transport.close()
            proxy.close()
        }
    }
}
