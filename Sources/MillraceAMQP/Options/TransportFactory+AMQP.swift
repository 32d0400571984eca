public import Millrace

extension TransportFactory {
    /// RabbitMQ, by AMQP 0-9-1: `amqp://`, `amqps://` (TLS), with the options of `AMQPOptions`.
    public static var amqp: TransportFactory {
        TransportFactory(
            "amqp", schemes: AMQPOptions.schemes, example: "amqp://127.0.0.1:5672", options: connectionOptions + topologyOptions
        ) { url, context in
            try await AMQPTransport(AMQPOptions(url: url), clock: context.clock, observers: context.observers)
        }
    }

    private static let connectionOptions = [
        Option("password-file", "A file with the password."),
        Option("password-env", "A variable of the environment with the password."),
        Option("ca", "With TLS: a PEM file of certificates whose issuers are trusted; the system's otherwise."),
        Option("cert", "With TLS: a PEM file with the client's certificate."),
        Option("key", "With TLS: a PEM file with the certificate's private key."),
        Option("verify", "With TLS: whether the broker's certificate is checked.", default: "true"),
        Option("name", "What the broker shows as the name of the connections.", default: "millrace"),
        Option("heartbeat", "After two of these without a sign of life a connection is given up; 1s to 1h.", default: "20s"),
        Option("connect-timeout", "How long connecting may take, and logging in; 1ms to 1h.", default: "10s"),
        Option("maximum-reconnect-delay", "The longest pause between attempts to connect; at least 100ms.", default: "5s"),
        Option("publish-timeout", "How long a message may wait to be sent and confirmed; at least 100ms.", default: "30s"),
        Option("maximum-pending", "How many published messages may be on their way; at least 1.", default: "65536"),
        Option("confirm-window", "How many messages may be sent and unconfirmed; 1 to 65536.", default: "2048"),
        Option("maximum-message-size", "The largest payload, in bytes; at least 1.", default: "134217728"),
        Option("group", "The consumer group of subscriptions that name none."),
    ]

    private static let topologyOptions = [
        Option("topology", "What topics are: publish-subscribe, queue, topic.", default: "publish-subscribe"),
        Option("exchange", "The exchange of topology=topic."),
        Option("queue-type", "Of queues: classic, quorum.", default: "classic"),
        Option("durable", "Whether exchanges, queues and messages survive a restart of the broker.", default: "true"),
        Option("declare", "Whether to declare exchanges and queues; false uses what is there.", default: "true"),
        Option("single-active-consumer", "Whether one member of a group at a time gets all messages.", default: "false"),
        Option("priorities", "How many priorities classic queues keep apart; 1 to 255, none otherwise."),
        Option("delivery-limit", "How often a quorum queue hands out a message that comes back; at least 1, or no limit."),
        Option("require-route", "Whether publishing fails where no queue takes the message.", default: "false"),
        Option("dead-letter-exchange", "The exchange to which queues give what the broker drops."),
        Option(
            "dead-letters", "The suffix of the topic for rejected messages; empty to drop them, broker: for its own way.",
            default: ".dead-letter"),
        Option("count-returns", "Whether attempts include what a quorum queue has counted.", default: "false"),
    ]
}
