import Millrace
import MillraceRedis

func redisTransport() async throws -> RedisTransport {
    let broker = try await RedisTransport(url: "redis://127.0.0.1:6379")
    return broker
}
