import Millrace
import MillraceMemory
import MillraceTesting
import Testing

extension MemoryTests {
    /// Handlers that wait for each other's room.
    @Suite struct WaitCircles {
        private func broker(capacity: Int = 4) throws -> MemoryTransport {
            try MemoryTransport(MemoryOptions(capacity: capacity), observers: Observers())
        }

        private func hops(_ message: Message) -> Int { Int(message.payload.text ?? "") ?? 0 }

        @Test(arguments: [1, 4]) func twoHandlersInACircle(concurrency: Int) async throws {
            let broker = try broker()
            let router = Router(RouterOptions(observers: []))
            let done = try await TopicProbe(of: "done", on: broker, group: "probe")
            for (name, from, to) in [("ping", "a", "b"), ("pong", "b", "a")] {
                try router.handle(name, from: from, on: broker, to: to, options: .init(concurrency: concurrency)) { message, _ in
                    let left = hops(message) - 1
                    if left <= 0 { return .to("done", Message(id: message.id, text: "done")) }
                    return [Message(id: message.id, text: "\(left)")]
                }
            }
            let sent = (0..<40).map { _ in Message(text: "9") }
            let ids = try await withRunning(router) {
                async let published: Void = withTimeLimit(.seconds(20), "publishing into the circle") {
                    try await broker.publish(sent, to: "a")
                }
                let ids = try await done.collect(sent.count, within: .seconds(20)).map(\.id)
                try await published
                return ids
            }
            #expect(Set(ids) == Set(sent.map(\.id)))
            #expect(ids.count == sent.count)
        }

        /// Each message gives two, down to the last generation, on the handler's own topic.
        @Test func handlerThatMultipliesOnItsOwnTopic() async throws {
            let broker = try broker()
            let router = Router(RouterOptions(observers: []))
            let seen = Tally()
            let total = (1 << 8) - 1
            let all = try await TopicProbe(of: "done", on: broker)
            try router.handle("split", from: "a", on: broker, to: "a") { message, _ in
                if seen.add(message.id) == total { try await broker.publish(Message(text: "done"), to: "done") }
                let left = hops(message) - 1
                return left > 0 ? [Message(text: "\(left)"), Message(text: "\(left)")] : []
            }
            try await withRunning(router) {
                try await broker.publish(Message(text: "8"), to: "a")
                _ = try await all.next(within: .seconds(20))
            }
            #expect(seen.all.values.allSatisfy { $0 == 1 })
            #expect(seen.count == total)
        }

        /// The handler's topic has a second group that is more than half full: it holds publishers up as a full one does.
        @Test func circleThroughAGroupThatIsHalfFull() async throws {
            let broker = try broker()
            // `ping` reads a and writes b; b is read by `quick`, which is full at first, and by `pong`, which writes a.
            let ping = try await broker.subscribe(to: "a", SubscriptionOptions(group: "ping"))
            let quick = try await broker.subscribe(to: "b", SubscriptionOptions(group: "quick"))
            let pong = try await broker.subscribe(to: "b", SubscriptionOptions(group: "pong"))
            try await broker.publish((0..<4).map { Message(text: "\($0)") }, to: "a")
            try await broker.publish((0..<4).map { Message(text: "\($0)") }, to: "b")
            let fromA = try await ping.take(4)
            let fromB = try await pong.take(4)
            pong.acknowledge([fromB[0].token])
            let first = Task {
                try await SubscriptionScope.$current.withValue(ping) {
                    try await broker.publish([Message(text: "x")], to: "b")
                }
                ping.acknowledge(fromA.map(\.token))
            }
            let second = Task {
                try await SubscriptionScope.$current.withValue(pong) {
                    try await broker.publish([Message(text: "y")], to: "a")
                }
                pong.acknowledge(fromB.map(\.token))
            }
            _ = try await quick.texts(5)
            try await withTimeLimit(.seconds(60), "both handlers") {
                try await first.value
                try await second.value
            }
        }
    }
}
