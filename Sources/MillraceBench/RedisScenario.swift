import Millrace
import MillraceRedis

/// What is measured against a server of Redis, named by `--redis URL`.
enum RedisScenario {
    static func all(url: String) -> [Scenario] {
        [
            Scenario(name: "redis-publish", summary: "64 tasks publish one message per call to Redis") { load in
                let broker = try await RedisTransport(url: url, observers: .none)
                let topic = "bench-\(MessageID.next())"
                try await publish(load, to: topic, on: broker, tasks: 64, size: 1)
                await broker.close()
                return load.count
            },
            Scenario(name: "redis-publish-100", summary: "one task publishes 100 messages per call to Redis") { load in
                let broker = try await RedisTransport(url: url, observers: .none)
                try await publish(load, to: "bench-\(MessageID.next())", on: broker, tasks: 1, size: 100)
                await broker.close()
                return load.count
            },
            Scenario(
                name: "redis-consume", summary: "one group pulls a backlog from Redis and acknowledges",
                measuring: { load in
                    let broker = try await RedisTransport(url: url, observers: .none)
                    let topic = "bench-\(MessageID.next())"
                    try await broker.prepare(topic: topic, group: "bench")
                    try await publish(load, to: topic, on: broker, tasks: 4, size: 100)
                    let clock = ContinuousClock()
                    let start = clock.now
                    let subscription = try await broker.subscribe(
                        to: topic, SubscriptionOptions(group: "bench", prefetch: 4_096))
                    let count = try await Scenario.drain(subscription, load.count)
                    let elapsed = start.duration(to: clock.now)
                    await broker.close()
                    return Scenario.Outcome(delivered: count, elapsed: elapsed)
                }),
            Scenario(name: "redis-both", summary: "one group pulls and acknowledges while 64 tasks publish to Redis") { load in
                let broker = try await RedisTransport(url: url, observers: .none)
                let topic = "bench-\(MessageID.next())"
                let subscription = try await broker.subscribe(
                    to: topic, SubscriptionOptions(group: "bench", prefetch: 4_096))
                async let received = Scenario.drain(subscription, load.count)
                try await publish(load, to: topic, on: broker, tasks: 64, size: 1)
                let count = try await received
                await broker.close()
                return count
            },
            Scenario(
                name: "redis-latency", summary: "from publish to receipt, at 2,000 messages a second through Redis",
                measuring: { load in try await latency(load, url: url) }),
        ]
    }

    /// Sends two messages each millisecond, with the time in the payload.
    private static func latency(_ load: Load, url: String) async throws -> Scenario.Outcome {
        let broker = try await RedisTransport(url: url, observers: .none)
        let topic = "bench-\(MessageID.next())"
        let subscription = try await broker.subscribe(to: topic, SubscriptionOptions(group: "bench"))
        let count = min(load.count, 10_000)
        let clock = SystemClock.shared
        let start = clock.now
        async let received = latencies(count, of: subscription)
        for _ in 0..<count / 2 {
            try await clock.sleep(for: .milliseconds(1))
            for _ in 0..<2 {
                let now = clock.now.nanoseconds
                let message = withUnsafeBytes(of: now) { Message(copying: $0) }
                try await broker.publish(message, to: topic)
            }
        }
        let sorted = try await received.sorted()
        await broker.close()
        func percentile(_ share: Double) -> String {
            (Double(sorted[Int(Double(sorted.count - 1) * share)]) / 1_000).formatted(0)
        }
        return Scenario.Outcome(
            delivered: load.count, elapsed: start.duration(to: clock.now) * Double(load.count) / Double(count),
            note: "latency us: p50 \(percentile(0.5)), p99 \(percentile(0.99)), highest \(percentile(1))")
    }

    private static func latencies(_ count: Int, of subscription: any Subscription) async throws -> [Int64] {
        var batch = DeliveryBatch()
        var latencies: [Int64] = []
        while latencies.count < count / 2 * 2, try await subscription.pull(into: &batch, upTo: 128) {
            let now = SystemClock.shared.now.nanoseconds
            for record in batch.records {
                latencies.append(now - record.message.payload.withUnsafeBytes { $0.loadUnaligned(as: Int64.self) })
            }
            subscription.acknowledge(batch.records.map(\.token))
            batch.removeAll()
        }
        return latencies
    }

    private static func publish(
        _ load: Load, to topic: String, on broker: RedisTransport, tasks: Int, size: Int
    ) async throws {
        let payload = [UInt8](repeating: 7, count: load.size)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<tasks {
                group.addTask {
                    var left = load.count / tasks + (task < load.count % tasks ? 1 : 0)
                    while left > 0 {
                        let count = min(size, left)
                        try await broker.publish((0..<count).map { _ in Message(payload: payload) }, to: topic)
                        left -= count
                    }
                }
            }
            try await group.waitForAll()
        }
    }
}
