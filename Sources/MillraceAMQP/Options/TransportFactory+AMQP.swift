public import Millrace
import MillraceTransportKit

extension TransportFactory {
    /// RabbitMQ, by AMQP 0-9-1: `amqp://`, `amqps://` (TLS), with the options of `AMQPOptions`.
    public static var amqp: TransportFactory {
        TransportFactory(
            "amqp", schemes: AMQPOptions.schemes, example: "amqp://127.0.0.1:5672", options: AMQPOptions.table.help
        ) { url, context in
            try await AMQPTransport(AMQPOptions(url: url), clock: context.clock, observers: context.observers)
        }
    }
}
