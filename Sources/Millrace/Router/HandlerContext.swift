/// What a handler and its middleware know of the message at hand, besides the message.
///
/// A context belongs to one worker, which uses it for one message after the other: read it while handling, do not keep it.
/// The compiler sees to that, as it can't be sent to another task. A function of your own that takes a context and is `async` has to be
/// `nonisolated(nonsending)`, which the upcoming feature `NonisolatedNonsendingByDefault` makes the rule.
public final class HandlerContext {
    /// The handler's name.
    public let handler: String
    /// The topic that the message came from.
    public let topic: String
    /// The consumer group; nil for a handler without one.
    public let group: String?
    /// The handler's output topic; nil for a consumer.
    public let outputTopic: String?
    /// The kind of transport that the message came from.
    public let system: String
    /// Logs through the router's observers, with the handler's name.
    public let logger: HandlerLogger
    /// The router's clock.
    public let clock: any SchedulingClock
    /// The router's source of random numbers.
    public let random: RandomSource
    /// Whether the transport can bring the message back after a delay.
    public var canRetryLater: Bool { transportCanRetryLater && !isAcknowledged }
    /// Everyone who wants to know what happens.
    public let observers: Observers

    /// The id of the message at hand; nil in a handler of batches.
    public internal(set) var messageID: MessageID?
    /// The number of this attempt, from 1; retries in place and redeliveries both count.
    public internal(set) var attempt = 1
    /// How often the transport has handed the message out, this time included.
    public internal(set) var deliveryAttempt = 1
    /// Where the message lies in the broker.
    public internal(set) var position = Position(low: 0)
    /// When the batch that holds the message was received.
    public internal(set) var receivedAt = ClockInstant(nanoseconds: 0)
    /// The span in which the message is being handled; set by `TracingMiddleware`.
    public var trace: TraceContext?

    /// When the message first failed, in milliseconds since 1970; nil if it has not.
    public internal(set) var firstFailedAt: Int64?
    /// Whether the transport has handed the message out more often than the handler allows.
    var isExhausted = false
    /// Whether `Timeout` ended the attempt that has just failed.
    var hasTimedOut = false
    /// Whether the message was acknowledged before its handler has returned.
    public private(set) var isAcknowledged = false
    let slot: WorkerSlot
    var span: SpanData?
    /// When the span began.
    var spanBegunAt = ClockInstant(nanoseconds: 0)
    /// When `MetricsMiddleware` saw the message, in the clock's nanoseconds.
    var begunAt: Int64 = 0
    /// Who wants to know the message's outcome.
    private(set) var outcomeActions: [OutcomeAction] = []
    private let transportCanRetryLater: Bool
    private let subscription: any Subscription
    private let subscriber: any Subscriber
    /// Where the handler's outputs with topics of their own go; nil for a consumer.
    package let publisher: (any Publisher)?
    private let history: AttemptHistory
    private let excused: ExcusedDeliveries
    /// By what the subscription knows the delivery.
    private(set) var token = DeliveryToken(0)
    /// Whether the count of attempts is that of this process and not the transport's.
    private var isRecalled = false
    private var recalledAttempts = 0
    /// Whether this delivery is not to count.
    private var isExcused = false
    /// Whether there is more to reset than what each message sets.
    private(set) var isUsed = false

    /// Takes the outcome of a message.
    typealias OutcomeAction = @Sendable (MessageOutcome) async -> Void

    init(_ scope: WorkerScope, slot: WorkerSlot) {
        let definition = scope.definition
        let environment = scope.environment
        handler = definition.name
        topic = definition.topic
        group = definition.group
        outputTopic = definition.output?.topic
        system = definition.system
        transportCanRetryLater = definition.subscriber.capabilities.contains(.delayedRetry)
        logger = HandlerLogger(environment.observers, handler: definition.name)
        clock = environment.clock
        random = environment.random
        observers = environment.observers
        subscription = scope.subscription
        subscriber = definition.subscriber
        publisher = definition.publisher
        history = scope.history
        excused = scope.control.excused
        self.slot = slot
    }

    @inline(__always)
    func begin(_ record: DeliveryRecord, receivedAt: ClockInstant, maximumAttempts: Int) {
        messageID = record.message.id
        attempt = record.attempt
        deliveryAttempt = record.attempt
        position = record.position
        self.receivedAt = receivedAt
        isExhausted = record.attempt > maximumAttempts
        token = record.token
        if isUsed { reset() }
        if record.attempt > 1 { recall(record.message.id) }
        trace = nil
    }

    private func reset() {
        isUsed = false
        isRecalled = false
        isExcused = false
        isAcknowledged = false
        outcomeActions.removeAll()
        hasTimedOut = false
        firstFailedAt = nil
        span = nil
    }

    /// Goes on counting where the delivery before this one stopped.
    private func recall(_ id: MessageID) {
        guard let entry = history.take(id) else { return }
        isRecalled = true
        recalledAttempts = entry.attempts
        attempt = entry.attempts + 1
        firstFailedAt = entry.firstFailedAt
        isUsed = true
    }

    /// The message goes back through no fault of its own: this delivery, with all that was tried in it, is not to count.
    func excuseDelivery(of message: Message) {
        isUsed = true
        isExcused = true
        excused.add(message.id)
        restoreAttempts(of: message)
    }

    /// The message goes back as if it had not been handed out: what was known of it before is to be known again.
    func restoreAttempts(of message: Message) {
        guard isRecalled else { return }
        history.note(message.id, AttemptHistory.Entry(attempts: recalledAttempts, firstFailedAt: firstFailedAt))
    }

    /// So many of the deliveries so far are not to count.
    func excuse(_ count: Int, maximumAttempts: Int) {
        if !isRecalled { attempt = max(1, deliveryAttempt - count) }
        isExhausted = deliveryAttempt - count > maximumAttempts
    }

    /// Whether what is published to a topic comes to this handler.
    func reads(_ topic: String, of publisher: any Publisher) -> Bool {
        topic == self.topic && publisher as AnyObject === subscriber as AnyObject
    }

    /// Keeps the count of attempts while the transport has the message: it counts deliveries, and some attempts were in place. One that
    /// is excused has noted what is to be known.
    func rememberAttempts(of message: Message) {
        guard !isExcused else { return }
        history.note(message.id, AttemptHistory.Entry(attempts: attempt, firstFailedAt: firstFailedAt))
    }

    /// Notes that an attempt failed; middleware that recovers from it runs next.
    func noteFailure(timedOut: Bool) {
        isUsed = true
        hasTimedOut = timedOut
        if firstFailedAt == nil { firstFailedAt = clock.unixMilliseconds }
    }

    /// Has `action` called once, when it is known what became of the message: after its outputs are accepted and before it
    /// is acknowledged, or when it has failed and goes back or is given up. For middleware that keeps a record of what is done.
    ///
    /// Not called when the process ends before that.
    public func onOutcome(_ action: @escaping @Sendable (MessageOutcome) async -> Void) {
        isUsed = true
        outcomeActions.append(action)
    }

    /// Acknowledges the message now. It will not come back, whatever the handler does.
    public func acknowledge() {
        guard !isAcknowledged else { return }
        isUsed = true
        isAcknowledged = true
        subscription.acknowledge([token])
    }

    /// What spans are to say of the message at hand, by the transport that it came from.
    package func spanAttributes(of message: Message) -> [(String, SpanValue)] {
        subscription.spanAttributes(of: message, at: position)
    }

    /// Tells everyone who asked that the message has failed.
    func concludeFailure(_ error: any Error) async {
        for action in outcomeActions { await action(.failed(error)) }
    }
}
