import Millrace
import MillraceRedis
import MillraceTesting

func redisTransport() async throws -> RedisTransport {
    let broker = try await RedisTransport(url: "redis://127.0.0.1:6379")
    return broker
}

func retention() async throws -> RedisTransport {
    var options = try RedisOptions(url: "redis://127.0.0.1:6379")
    options.retention = RedisRetention(maximumLength: 1_000_000, maximumAge: .seconds(7 * 24 * 3_600))
    return try await RedisTransport(options)
}

func badNetwork() async throws {
    let proxy = try TCPProxy(to: 6379)
    let broker = try await RedisTransport(url: "redis://127.0.0.1:\(proxy.port)")
    proxy.cutRandomly(within: 50_000, RandomSource(seed: 1))
    await broker.close()
}
