import Millrace
import MillraceMemory

struct Reading: Codable {
    var sensor: String
    var celsius: Double
}

func publishReading(on broker: MemoryTransport) async throws {
    let reading = Reading(sensor: "roof", celsius: 41.5)
    try await broker.publish(Message(encoding: reading, key: reading.sensor), to: "readings")
}

func addHandlers(to router: Router, on broker: MemoryTransport) throws {
    try router.handle("detect-heat", from: "readings", on: broker, to: "alarms") { message, context in
        let reading = try message.decode(Reading.self)
        guard reading.celsius > 40 else { return [] }
        return [Message(text: "\(reading.sensor) is at \(reading.celsius) degrees", key: reading.sensor)]
    }

    try router.consume("notify", from: "alarms", on: broker) { message, context in
        context.logger.warning("alarm", ["text": message.payload.text ?? "?", "attempt": context.attempt])
    }

    try router.consume("page", from: "alarms", on: broker, page)
    try router.handle("split", from: "reports", on: broker, to: "readings", split)
}

func page(_ message: Message, _ context: HandlerContext) async throws {
    try await page(message)
}

func split(_ message: Message, _ context: HandlerContext) async throws -> [Message] {
    let readings = try message.decode([Reading].self)
    return try readings.map { try Message(encoding: $0, key: $0.sensor) }
}

func makeRouter(on broker: MemoryTransport) -> Router {
    Router {
        PoisonQueue("readings.poison", on: broker)
        Retry(attempts: 3)
        Timeout(.seconds(2))
    }
}

func gettingStarted() async throws {
    let broker = MemoryTransport()
    let router = makeRouter(on: broker)
    try addHandlers(to: router, on: broker)
    print(router.describe().text)

    async let running: Void = router.run()
    try await router.waitUntilRunning()
    try await publishReading(on: broker)
    try await running
}

func withoutRouter(_ broker: MemoryTransport) async throws {
    try await broker.withSubscription(to: "alarms", group: "pager") { deliveries in
        for try await delivery in deliveries {
            try await page(delivery.message)
            delivery.acknowledge()
        }
    }
}

func page(_ message: Message) async throws {}
