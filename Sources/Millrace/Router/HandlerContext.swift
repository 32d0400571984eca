import Synchronization

/// What a handler and its middleware know of the message at hand, besides the message.
///
/// It may be handed to any function, task or actor, and kept: what it says stays true of this message. Once its handler has returned, or
/// has failed for good, it can only be read: what is written to it then does nothing and is reported as
/// ``MillraceEvent/Kind/contextClosed(handler:id:call:)``.
///
/// A worker uses one context for one message after the other as long as nobody else holds it. Keeping contexts costs an allocation
/// for each.
public final class HandlerContext: @unchecked Sendable {
    // Safe to share: the properties of a message are written by the worker alone and only while nobody else holds the context.
    // What is written later is atomic or behind a lock.

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
    /// The router's clock.
    public let clock: any SchedulingClock
    /// The router's source of random numbers.
    public let random: RandomSource
    /// Everyone who wants to know what happens.
    public let observers: Observers

    // Unchecked, because accesses can't overlap while there is one reference, and each message would pay for the checks.

    /// How often the transport has handed the message out, this time included.
    @exclusivity(unchecked) public internal(set) var deliveryAttempt = 1
    /// Where the message lies in the broker.
    @exclusivity(unchecked) public internal(set) var position = Position(low: 0)
    /// When the batch that holds the message was received.
    @exclusivity(unchecked) public internal(set) var receivedAt = ClockInstant(nanoseconds: 0)
    /// The message at hand; nil in a handler of batches.
    @exclusivity(unchecked) var message: Message?
    /// By what the subscription knows the delivery.
    @exclusivity(unchecked) var token = DeliveryToken(0)
    /// Whether the transport has handed the message out more often than the handler allows.
    @exclusivity(unchecked) var isExhausted = false

    private let attempts = Atomic<Int>(1)
    /// When `MetricsMiddleware` saw the message, in the clock's nanoseconds.
    private let beginning = Atomic<Int64>(0)
    /// Whether `notes` say anything, so that a message of which there is nothing to say takes no lock.
    private let isNoted = Atomic<Bool>(false)
    private let notes = Lock(HandlerNotes())

    let slot: WorkerSlot
    let history: AttemptHistory
    let excused: ExcusedDeliveries
    /// Where the handler's outputs with topics of their own go; nil for a consumer.
    package let publisher: (any Publisher)?
    private let subscription: any Subscription
    private let subscriber: any Subscriber
    private let transportCanRetryLater: Bool

    init(_ scope: WorkerScope, slot: WorkerSlot) {
        let definition = scope.definition
        let environment = scope.environment
        handler = definition.name
        topic = definition.topic
        group = definition.group
        outputTopic = definition.output?.topic
        system = definition.system
        transportCanRetryLater = definition.subscriber.capabilities.contains(.delayedRetry)
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

    /// Logs through the router's observers. Lines name the handler, the topic, and of the message the id, the attempt, the correlation
    /// id and the trace, as far as there are any.
    public var logger: HandlerLogger { HandlerLogger(observers, handler: handler, context: self) }

    /// The id of the message at hand; nil in a handler of batches.
    public var messageID: MessageID? { message?.id }

    /// The number of this attempt, from 1; retries in place and redeliveries both count.
    public internal(set) var attempt: Int {
        get { attempts.load(ordering: .relaxed) }
        set { attempts.store(newValue, ordering: .relaxed) }
    }

    /// When the message first failed, in milliseconds since 1970; nil if it has not.
    public var firstFailedAt: Int64? { noted?.firstFailedAt }

    /// Whether the message was acknowledged before its handler has returned.
    public var isAcknowledged: Bool { noted?.isAcknowledged ?? false }

    /// Whether the transport can bring the message back after a delay.
    public var canRetryLater: Bool { transportCanRetryLater && !isAcknowledged }

    /// The span in which the message is being handled; set by `TracingMiddleware`.
    public var trace: TraceContext? {
        get { noted?.trace }
        set { if newValue != nil || trace != nil { note("trace") { $0.trace = newValue } } }
    }

    /// Acknowledges the message now. It will not come back, whatever the handler does.
    public func acknowledge() {
        var isFirst = false
        note("acknowledge()") { notes in
            isFirst = !notes.isAcknowledged
            notes.isAcknowledged = true
        }
        if isFirst { subscription.acknowledge([token]) }
    }

    /// Has `action` called once, when it is known what became of the message: after its outputs are accepted and before it
    /// is acknowledged, or when it has failed and goes back or is given up. For middleware that keeps a record of what is done.
    ///
    /// Not called when the process ends before that.
    public func onOutcome(_ action: @escaping @Sendable (MessageOutcome) async -> Void) {
        note("onOutcome(_:)") { $0.outcomeActions.append(action) }
    }

    /// What spans are to say of the message at hand, by the transport that it came from.
    package func spanAttributes(of message: Message) -> [(String, SpanValue)] {
        subscription.spanAttributes(of: message, at: position)
    }

    /// Whether what is published to a topic comes to this handler.
    func reads(_ topic: String, of publisher: any Publisher) -> Bool {
        topic == self.topic && publisher as AnyObject === subscriber as AnyObject
    }
}

// MARK: Notes

extension HandlerContext {
    /// Whether there is more to reset than what each message sets.
    @inline(__always)
    var hasNotes: Bool { isNoted.load(ordering: .relaxed) }

    /// What was noted of the message; nil for nothing.
    var noted: HandlerNotes? { hasNotes ? notes.withLock { $0 } : nil }

    /// Notes something of the message. Does nothing once the context is closed, but report what a user called.
    func note(_ call: StaticString? = nil, _ change: (inout HandlerNotes) -> Void) {
        isNoted.store(true, ordering: .relaxed)
        let isOpen = notes.withLock { notes in
            if !notes.isClosed { change(&notes) }
            return !notes.isClosed
        }
        guard !isOpen, let call else { return }
        observers.report(.warning, .contextClosed(handler: handler, id: messageID, call: "\(call)"))
    }

    /// Takes something off the notes. Allowed at any time.
    func take<Value>(_ body: (inout HandlerNotes) -> Value) -> Value { notes.withLock(body) }

    /// Whoever holds the context can only read it from now on.
    func close() {
        isNoted.store(true, ordering: .relaxed)
        notes.withLock { $0.isClosed = true }
    }

    func removeNotes() {
        isNoted.store(false, ordering: .relaxed)
        notes.withLock { $0 = HandlerNotes() }
    }

    /// When `MetricsMiddleware` saw the message, in the clock's nanoseconds.
    var begunAt: Int64 {
        get { beginning.load(ordering: .relaxed) }
        set { beginning.store(newValue, ordering: .relaxed) }
    }
}
