import Millrace
import MillraceRedis
import MillraceTesting
import Testing

extension RedisTests {
    /// Where a group, or a reader without one, begins.
    @Suite("A start") struct Starts {
        private let server: RedisServer
        private let topic = "start-\(MessageID.next())"

        init() async throws { server = try await RedisServer.shared }

        @Test(
            "is where it is stated",
            arguments: [
                (.beginning, "1 2 3 4"), (.after(Position(high: 20, low: 1)), "3 4"), (.after(Position(high: 25, low: 0)), "3 4"),
                (.time(unixMilliseconds: 20), "2 3 4"), (.time(unixMilliseconds: 0), "1 2 3 4"), (.now, "4"),
            ] as [(StartPosition, String)], ["g", nil])
        func stated(_ start: (position: StartPosition, expected: String), group: String?) async throws {
            for (id, text) in [("10-1", "1"), ("20-1", "2"), ("30-1", "3")] {
                _ = try await server.command("XADD", topic, id, "payload", text)
            }
            let transport = try await RedisTransport(url: server.url, observers: Observers())
            let subscription = try await transport.subscribe(
                to: topic, SubscriptionOptions(group: group, start: start.position))
            try await transport.publish(Message(text: "4"), to: topic)
            let texts = try await withTimeLimit(RedisTests.patience, "the deliveries") {
                var texts: [String] = []
                var batch = DeliveryBatch()
                while texts.last != "4", try await subscription.pull(into: &batch, upTo: 10) {
                    texts += batch.records.compactMap(\.message.payload.text)
                    batch.removeAll()
                }
                return texts
            }
            #expect(texts.joined(separator: " ") == start.expected)
            await transport.close()
        }
    }
}
