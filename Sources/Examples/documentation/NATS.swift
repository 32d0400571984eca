import Millrace
import MillraceNATS

func natsTransport() async throws -> NATSTransport {
    let broker = try await NATSTransport(NATSOptions(servers: ["127.0.0.1:4222"]))
    return broker
}

func natsRegistry() async throws -> any Transport {
    let registry = TransportRegistry(.nats)
    let broker = try await registry.connect("natss://ada@one:4222,two?password-env=NATS_PASSWORD&storage=file&maximum-age=7d")
    return broker
}

func natsRequests(_ broker: NATSTransport, _ responder: NATSTransport) async throws {
    let answer = try await broker.request(Message(text: "A1"), to: "prices", timeout: .seconds(2))
    print(answer.payload.text ?? "")

    try await responder.withSubscription(to: "prices", group: "pricing") { deliveries in
        for try await delivery in deliveries {
            try await responder.respond(to: delivery.message, with: Message(text: "12.50"))
            delivery.acknowledge()
        }
    }
}
