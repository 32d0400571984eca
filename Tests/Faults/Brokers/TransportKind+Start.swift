extension TransportKind {
    /// Starts the broker of a transport.
    func start() async throws -> any Broker {
        switch self {
        case .memory: MemoryBroker()
        case .sqlite: try SQLiteBroker()
        case .redis: try RedisBroker()
        case .kafka: try KafkaBroker()
        case .nats: try NATSBroker()
        case .amqp: try await AMQPBroker(isQuorum: false)
        case .amqpQuorum: try await AMQPBroker(isQuorum: true)
        }
    }
}
