import Millrace

/// Sends messages back to a group's queue, at once or by way of a queue in which they wait.
///
/// That queue drops its messages when their time has come, and the broker gives what is dropped to the group's queue. It is the
/// process's no more then: a retry outlives it. The queue has no end of its own: quorum queues would take their messages with them,
/// whoever declares them again meanwhile.
final class AMQPRetries: Sendable {
    private let queue: String
    private let options: AMQPOptions
    private let publisher: AMQPPublisher
    private let topic: String
    /// The delays whose queues are there.
    private let declared = Lock<Set<Int64>>([])

    init(topic: String, queue: String, _ options: AMQPOptions, _ publisher: AMQPPublisher) {
        self.topic = topic
        self.queue = queue
        self.options = options
        self.publisher = publisher
    }

    /// Publishes a message once more, for another attempt after a delay. `whenDone` is told when the broker has it.
    func send(
        _ message: Message, attempt: Int, after delay: Duration,
        _ whenDone: @escaping @Sendable (Result<Void, any Error>) -> Void
    ) {
        guard delay > .zero else { return publish(message, to: queue, attempt, whenDone) }
        let milliseconds = AMQPRetryDelays.milliseconds(for: delay)
        let name = AMQPRetryDelays.queue(of: queue, milliseconds)
        if declared.withLock({ $0.contains(milliseconds) }) { return publish(message, to: name, attempt, whenDone) }
        let declaration = AMQPDeclaration.queue(
            name: name, isDurable: options.topology.isDurable, isPassive: false, arguments: arguments(milliseconds),
            returns: options.topology.queueType == .quorum ? .asDeclared : .uncounted)
        publisher.declarer.declare([declaration]) { [self] result in
            switch result {
            case .success:
                declared.withLock { _ = $0.insert(milliseconds) }
                publish(message, to: name, attempt, whenDone)
            case .failure(let error): whenDone(.failure(error))
            }
        }
    }

    private func arguments(_ milliseconds: Int64) -> [String: AMQPValue] {
        var arguments: [String: AMQPValue] = [
            "x-message-ttl": .number(milliseconds), "x-dead-letter-exchange": .text(""),
            "x-dead-letter-routing-key": .text(queue),
        ]
        if options.topology.queueType == .quorum {
            // Only these queues pass on what expires no sooner than the other one has it.
            arguments["x-queue-type"] = .text("quorum")
            arguments["x-dead-letter-strategy"] = .text("at-least-once")
            arguments["x-overflow"] = .text("reject-publish")
        }
        return arguments
    }

    private func publish(
        _ message: Message, to queue: String, _ attempt: Int, _ whenDone: @escaping @Sendable (Result<Void, any Error>) -> Void
    ) {
        var route = AMQPRoute(exchange: "", routingKey: queue, isMandatory: true)
        route.isPersistent = options.topology.isDurable
        route.isReturn = true
        publisher.send(message, to: topic, route, attempt: attempt) { [self] result in
            // Somebody has removed the queue: the next one declares it again.
            if case .failure = result { declared.withLock { $0 = [] } }
            whenDone(result)
        }
    }
}
