import Millrace
import MillraceAMQP

func amqpTransport() async throws -> AMQPTransport {
    let broker = try await AMQPTransport(AMQPOptions(url: "amqp://127.0.0.1:5672"))
    return broker
}

func amqpRegistry() async throws -> any Transport {
    let registry = TransportRegistry(.amqp)
    let broker = try await registry.connect("amqps://ada@one,two/shop?password-env=RABBITMQ_PASSWORD&queue-type=quorum")
    return broker
}

func amqpTopologies() throws -> AMQPOptions {
    var options = try AMQPOptions(url: "amqp://127.0.0.1:5672")
    options.topology.queueType = .quorum
    options.topology.deliveryLimit = 20
    options.topology.queueName = "{topic}.{group}"
    options.topology.queueArguments["x-max-length"] = .number(1_000_000)
    return options
}
