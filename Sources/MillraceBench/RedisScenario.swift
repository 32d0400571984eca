import Millrace
import MillraceRedis

/// What is measured against a server of Redis, named by `--redis URL`.
enum RedisScenario {
    static func all(url: String) -> [Scenario] {
        [
            Scenario(name: "redis-publish", summary: "64 tasks publish one message per call to Redis") { load in
                let broker = try await RedisTransport(url: url, observers: .none)
                let topic = "bench-\(MessageID.next())"
                try await Scenario.publish(load, to: topic, on: broker, tasks: 64, size: 1)
                await broker.close()
                return load.count
            },
            Scenario(name: "redis-publish-100", summary: "one task publishes 100 messages per call to Redis") { load in
                let broker = try await RedisTransport(url: url, observers: .none)
                try await Scenario.publish(load, to: "bench-\(MessageID.next())", on: broker, tasks: 1, size: 100)
                await broker.close()
                return load.count
            },
            Scenario(
                name: "redis-consume", summary: "one group pulls a backlog from Redis and acknowledges",
                measuring: { load in
                    let broker = try await RedisTransport(url: url, observers: .none)
                    let topic = "bench-\(MessageID.next())"
                    try await broker.prepare(topic: topic, group: "bench")
                    try await Scenario.publish(load, to: topic, on: broker, tasks: 4, size: 100)
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
                try await Scenario.publish(load, to: topic, on: broker, tasks: 64, size: 1)
                let count = try await received
                await broker.close()
                return count
            },
            Scenario(
                name: "redis-latency", summary: "from publish to receipt, at 2,000 messages a second through Redis",
                measuring: { load in
                    let broker = try await RedisTransport(url: url, observers: .none)
                    let outcome = try await Scenario.latency(load, on: broker)
                    await broker.close()
                    return outcome
                }),
        ]
    }
}
