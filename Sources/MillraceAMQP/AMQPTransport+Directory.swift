public import Millrace

extension AMQPTransport: TopicDirectory {
    /// Throws a `MillraceError` of code `unsupported`: the broker's protocol has no list of what is there.
    public func topics() async throws -> [TopicDescription] {
        throw MillraceError(
            .unsupported,
            "AMQP 0-9-1 has no list of exchanges and queues: the management plugin of RabbitMQ shows them, and so does "
                + "'rabbitmqctl list_queues name messages' on its machine", isRetriable: false)
    }

    /// Whether there is the topic's exchange; or its queue, where topics have no exchanges. True where all topics share an exchange:
    /// they are not to be told apart there.
    public func hasTopic(_ name: String) async throws -> Bool {
        try Naming.checkTopic(name)
        let topology = options.topology
        let wanted: AMQPDeclaration
        if topology.exchangeName.isEmpty {
            wanted = .queue(name: options.queue(for: name, group: nil).name, isDurable: true, isPassive: true, arguments: [:])
        } else if topology.exchangeName.contains("topic}") {
            wanted = .exchange(
                name: topology.route(to: name).exchange, type: topology.exchangeType, isDurable: true, isPassive: true,
                arguments: [:])
        } else {
            return true
        }
        do {
            try await declarer.declare([wanted])
            return true
        } catch let error as MillraceError where error.code == .invalidConfiguration && error.message.contains("NOT_FOUND") {
            return false
        }
    }
}
