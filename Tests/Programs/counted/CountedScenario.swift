import Millrace
import MillraceMemory
import MillraceRedis

/// What is counted: in memory, for each message, what the scenario of that name of `millrace bench` measures; and a conversation with
/// Redis.
enum CountedScenario: String, CaseIterable {
    /// Publishes one by one into memory; nobody reads.
    case publish
    /// The same in calls of 100.
    case publishBatch = "publish-batch"
    /// Reads and acknowledges a part of a backlog in memory.
    case drain
    /// From topic to topic in memory, through PoisonQueue, Retry and Timeout.
    case router
    /// Publishes a hundred messages with Redis, reads and acknowledges them, and so on.
    case redis

    /// Messages that there are to drain, however many of them are.
    private static let backlog = 100_000
    /// Messages in a call, where they are published in batches.
    private static let batch = 100

    /// Returns the transport when the last of so many messages is done with, whatever is left of it.
    @concurrent func run(_ count: Int, url: String) async throws -> any Transport {
        switch self {
        case .publish: try await Self.publish(count, inCallsOf: 1)
        case .publishBatch: try await Self.publish(count, inCallsOf: Self.batch)
        case .drain: try await Self.drain(count)
        case .router: try await Self.route(count)
        case .redis: try await Self.converse(count, url: url)
        }
    }

    private static func publish(_ count: Int, inCallsOf size: Int) async throws -> any Transport {
        let work = try await memory(holding: count)
        try await work.publish(count, inCallsOf: size)
        return work.broker
    }

    private static func drain(_ count: Int) async throws -> any Transport {
        let backlog = max(backlog, count)
        let work = try await memory(holding: backlog)
        try await work.publish(backlog, inCallsOf: batch)
        let subscription = try await work.subscribe()
        try await work.drain(subscription, count)
        return work.broker
    }

    private static func memory(holding capacity: Int) async throws -> CountedWork {
        let broker = try MemoryTransport(MemoryOptions(capacity: capacity), clock: StandingClock(), observers: Observers())
        let work = CountedWork(broker: broker)
        try await broker.prepare(topic: work.topic, group: work.group)
        return work
    }

    private static func route(_ count: Int) async throws -> any Transport {
        let clock = StandingClock()
        let broker = MemoryTransport(clock: clock, observers: Observers())
        let input = CountedWork(broker: broker)
        let output = CountedWork(broker: broker, topic: "counted-out")
        let router = Router(RouterOptions(clock: clock, random: RandomSource(seed: 1), observers: [])) {
            PoisonQueue("counted-poison", on: broker)
            Retry(attempts: 3)
            Timeout(.seconds(10))
        }
        let options = HandlerOptions(group: .named(input.group))
        try router.handle("counted", from: input.topic, on: broker, to: output.topic, options: options) { message, _ in
            [Message(payload: message.payload, key: message.key)]
        }
        let subscription = try await output.subscribe()
        async let running: Void = router.run(stoppingOn: [])
        try await router.waitUntilRunning()
        async let received: Void = output.drain(subscription, count)
        try await input.publish(count, inCallsOf: 1)
        try await received
        router.shutdown()
        try await running
        return broker
    }

    private static func converse(_ count: Int, url: String) async throws -> any Transport {
        let broker = try await RedisTransport(url: url, clock: StandingClock(), observers: Observers())
        let work = CountedWork(broker: broker)
        let subscription = try await work.subscribe()
        for _ in 0..<count / batch {
            try await work.publish(batch, inCallsOf: batch)
            try await work.drain(subscription, batch)
            // Else it would be by chance whether the next acknowledgements go along with these.
            try await subscription.flush()
        }
        return broker
    }
}
