import Millrace
import MillraceCompression
import MillraceMemory

func guardedRouter(on broker: MemoryTransport) -> Router {
    let router = Router {
        TracingMiddleware()
        PoisonQueue("orders.poison", on: broker)
        RateLimit(100, per: .seconds(1), burst: 20, by: \.key)
        CircuitBreaker()
        Retry(attempts: 5)
        Deduplicate(by: .metadata("order-id"), window: .seconds(3_600))
        Timeout(.seconds(5))
        Transform.gzip()
    }
    return router
}

func reversal() -> Transform {
    let reversed = Transform(name: "Reversal") { message in
        Message(id: message.id, payload: message.payload.reversed(), key: message.key, metadata: message.metadata)
    }
    return reversed
}
