public import Millrace
import MillraceTransportKit

extension TransportFactory {
    /// Redis Streams: `redis://`, `rediss://` (TLS), `unix://`, `redis-sentinel://` and `rediss-sentinel://`, with the options of
    /// `RedisOptions`.
    public static var redis: TransportFactory {
        TransportFactory(
            "redis", schemes: RedisOptions.schemes, example: "redis://127.0.0.1:6379/0", options: RedisOptions.table.help
        ) { url, context in
            try await RedisTransport(RedisOptions(url: url), clock: context.clock, observers: context.observers)
        }
    }
}
