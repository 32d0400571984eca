import Millrace

/// Sends messages back to a group's queue, at once or by way of a queue in which they wait.
///
/// That queue drops its messages when their time has come, and the broker gives what is dropped to the group's queue. It is the
/// process's no more then: a retry outlives it.
final class AMQPRetries: Sendable {
    private let queue: String
    private let options: AMQPOptions
    private let publisher: AMQPPublisher
    private let topic: String
    /// When queues were declared last, by their delay. The broker removes those that nobody has declared for a while.
    private let declared = Lock<[Int64: ClockInstant]>([:])
    private static let refresh = Duration.seconds(300)

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
        let name = AMQPTopology.shortened("\(queue).retry.\(milliseconds)")
        let now = SystemClock.shared.coarseNow
        let isFresh = declared.withLock { $0[milliseconds].map { $0.duration(to: now) < Self.refresh } ?? false }
        if isFresh { return publish(message, to: name, attempt, whenDone) }
        let declaration = AMQPDeclaration.queue(
            name: name, isDurable: options.topology.isDurable, isPassive: false, arguments: arguments(milliseconds))
        publisher.declarer.declare([declaration]) { [self] result in
            switch result {
            case .success:
                declared.withLock { $0[milliseconds] = now }
                publish(message, to: name, attempt, whenDone)
            case .failure(let error): whenDone(.failure(error))
            }
        }
    }

    private func arguments(_ milliseconds: Int64) -> [String: AMQPValue] {
        // It goes when nobody has declared it for as long as its last message may need, and then some.
        let expiry = min(milliseconds + 2 * Int64(Self.refresh / .milliseconds(1)), 4_294_967_295)
        var arguments: [String: AMQPValue] = [
            "x-message-ttl": .number(milliseconds), "x-expires": .number(expiry),
            "x-dead-letter-exchange": .text(""), "x-dead-letter-routing-key": .text(queue),
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
            if case .failure = result { declared.withLock { $0 = [:] } }
            whenDone(result)
        }
    }
}
