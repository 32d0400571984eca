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
    public let logger: Logger
    /// The router's clock.
    public let clock: any SchedulingClock
    /// The router's source of random numbers.
    public let random: RandomSource
    /// Whether the transport can bring a message back after a delay.
    public let canRetryLater: Bool
    /// Everyone who wants to know what happens.
    public let observers: Observers

    /// The number of this attempt, from 1; retries in place and redeliveries both count.
    public internal(set) var attempt = 1
    /// How often the transport has handed the message out, this time included.
    public internal(set) var deliveryAttempt = 1
    /// Where the message lies in the broker.
    public internal(set) var position = Position(low: 0)
    /// When the batch that holds the message was received.
    public internal(set) var receivedAt = ClockInstant(nanoseconds: 0)
    /// The span in which the message is being handled; set by `Tracing`.
    public var trace: TraceContext?

    /// When the message first failed, in milliseconds since 1970; nil if it has not.
    public internal(set) var firstFailedAt: Int64?
    /// Whether middleware is dealing with an error, perhaps by handling the message again.
    var isRecovering = false
    /// Whether the transport has handed the message out more often than the handler allows.
    var isExhausted = false
    /// Whether `Timeout` ended the attempt that has just failed.
    var hasTimedOut = false
    let slot: WorkerSlot
    var span: Span?

    init(_ definition: HandlerDefinition, environment: RouterEnvironment, slot: WorkerSlot) {
        handler = definition.name
        topic = definition.topic
        group = definition.group
        outputTopic = definition.output?.topic
        system = definition.system
        canRetryLater = definition.subscriber.capabilities.contains(.delayedRetry)
        logger = Logger(environment.observers, handler: definition.name)
        clock = environment.clock
        random = environment.random
        observers = environment.observers
        self.slot = slot
    }

    @inline(__always)
    func begin(_ record: DeliveryRecord, receivedAt: ClockInstant, maximumAttempts: Int) {
        attempt = record.attempt
        deliveryAttempt = record.attempt
        position = record.position
        self.receivedAt = receivedAt
        isExhausted = record.attempt > maximumAttempts
        if isRecovering { reset() }
        trace = nil
    }

    private func reset() {
        isRecovering = false
        hasTimedOut = false
        firstFailedAt = nil
        span = nil
    }

    /// Notes that an attempt failed; middleware that recovers from it runs next.
    func noteFailure(timedOut: Bool) {
        isRecovering = true
        hasTimedOut = timedOut
        if firstFailedAt == nil { firstFailedAt = clock.unixMilliseconds }
    }
}
