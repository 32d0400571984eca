public import Millrace

extension AMQPTransport: TransportAdministration {
    /// What the broker has said of itself. A round trip to it shows that it answers.
    public func broker() async throws -> BrokerInfo {
        // It is always there.
        let known = AMQPDeclaration.exchange(name: "amq.fanout", type: "fanout", isDurable: true, isPassive: true, arguments: [:])
        try await declarer.declare([known])
        return consuming.broker
    }

    /// Removes the topic's exchange, unless it is that of all topics, the queues of those groups that this transport has had to do
    /// with, and that in which dead letters wait for a reader: the broker does not tell a client which others there are.
    public func remove(topic: String) async throws {
        try Naming.checkTopic(topic)
        let topology = options.topology
        let names = queues.withLock { $0.removeValue(forKey: topic) ?? [] }.sorted()
        var declarations = names.flatMap { [$0] + AMQPRetryDelays.queues(of: $0) }.map { AMQPDeclaration.removedQueue(name: $0) }
        declarations.append(.removedQueue(name: options.queue(for: topic, group: AMQPTopology.deadLetterGroup).name))
        if topology.exchangeName.isEmpty {
            declarations.append(.removedQueue(name: options.queue(for: topic, group: nil).name))
        } else if topology.exchangeName.contains("{topic}") {
            declarations.append(.removedExchange(name: topology.route(to: topic).exchange))
        }
        publisher.forget(topic)
        try await declarer.declare(declarations)
    }
}
