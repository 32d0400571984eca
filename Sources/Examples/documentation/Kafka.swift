import Millrace
import MillraceKafka

func kafkaTransport() async throws -> KafkaTransport {
    let broker = try await KafkaTransport(KafkaOptions(servers: ["127.0.0.1:9092"]))
    return broker
}

func kafkaRegistry() async throws -> any Transport {
    let registry = TransportRegistry(.kafka)
    let broker = try await registry.connect("kafkas://ada@one:9093,two:9093?mechanism=scram-sha-512&password-env=KAFKA_PASSWORD")
    return broker
}

func exactlyOnce(router: Router, broker: KafkaTransport) throws {
    try router.handle(
        "accept", from: "orders", on: broker, to: "accepted-orders", options: HandlerOptions(concurrency: 4, transactional: true)
    ) { message, context in
        let order = try message.decode(Order.self)
        return [try Message(encoding: order, key: order.customer)]
    }
}
