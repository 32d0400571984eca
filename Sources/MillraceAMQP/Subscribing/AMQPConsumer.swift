import CRabbitMQ
import Millrace
import MillraceTransportKit

/// A consumer on a channel of its own: takes messages in, acknowledges them, and begins again when its channel is lost.
///
/// The broker sends no more than the prefetch without an acknowledgement. All of it is used on the connection's thread, but for what is
/// said to be otherwise.
final class AMQPConsumer: AMQPMember, AMQPChannelHandler, @unchecked Sendable {
    // Safe to share: see above; what other threads use has locks of its own.
    private enum Phase { case idle, beginning, consuming, waiting, stopping, closed }

    /// How long acknowledgements wait for others to go with them.
    private static let pause = Duration.milliseconds(2)

    let queue: AMQPQueue
    let ledger: AMQPLedger
    private let topic: String
    /// Whether several topics may be read, by a topic exchange.
    let isPattern: Bool
    private let group: String?
    private let prefetch: Int
    /// Whether what is retried waits here: in the lane of its key, or because nobody else could get it.
    let keepsRetries: Bool
    private let options: AMQPOptions
    private let connection: AMQPConnection
    private let declarer: AMQPDeclarer
    private let buffer: DeliveryBuffer
    private let observers: AttachableObservers
    private let random: RandomSource
    private let delayed = Lock<Set<Position>>([])
    private var phase = Phase.idle
    private var channel: AMQPChannel?
    private var arrived: [DeliveryBuffer.Entry] = []
    private var failures: FailureStreak
    private var tagNumber = 0
    private var ticks = 0
    private var mustAcknowledge = false
    private let ready = Lock<Int?>(nil)
    private let started = Signal()
    private let startError = Lock<MillraceError?>(nil)
    private let lastError = Lock<MillraceError?>(nil)
    private let acknowledging: LoopSignal

    init(
        _ queue: AMQPQueue, topic: String, _ subscription: SubscriptionOptions, _ options: AMQPOptions,
        connection: AMQPConnection, declarer: AMQPDeclarer, buffer: DeliveryBuffer, observers: AttachableObservers,
        random: RandomSource
    ) {
        self.queue = queue
        self.topic = topic
        isPattern = options.topology.exchangeType == "topic" && topic.utf8.contains { $0 == 0x2A || $0 == 0x23 }
        group = subscription.group
        keepsRetries = subscription.ordered == .byKey || queue.isTemporary
        // Those that wait, and those behind them, stay unacknowledged: there has to be room beside them.
        prefetch = min(65_535, keepsRetries ? 2 * min(subscription.prefetch, 65_535) + 16 : subscription.prefetch)
        self.options = options
        self.connection = connection
        self.declarer = declarer
        self.buffer = buffer
        self.observers = observers
        self.random = random
        failures = FailureStreak(.exponential(from: .milliseconds(50), upTo: options.maximumReconnectDelay))
        ledger = AMQPLedger(prefetch: prefetch)
        acknowledging = LoopSignal(connection.loop)
        acknowledging.action = { [weak self] in self?.acknowledge(all: false) }
    }

    // MARK: From any thread

    /// Begins to consume, and returns when the broker has agreed. Throws why not.
    func start() async throws {
        connection.add(self)
        let timer = SystemClock.shared.schedule(after: options.connectTimeout) { [weak self] in
            guard let self else { return }
            fail(
                lastError.withLock { $0 }
                    ?? MillraceError(.connectionFailed, "no connection to the broker", isRetriable: true))
        }
        defer { timer.cancel() }
        await started.waitUncancellably()
        if let error = startError.withLock({ $0 }) { throw error }
    }

    /// How many messages wait in the queue, as of a moment ago.
    var queueLength: Int? { ready.withLock { $0 } }

    /// Deliveries are settled.
    func finish(_ positions: [Position]) {
        let (now, soon) = ledger.finish(positions)
        if now { acknowledging.fire() } else if soon { acknowledgeSoon() }
    }

    private func acknowledgeSoon() {
        connection.loop.execute(after: Self.pause, clock: SystemClock.shared) { [weak self] in
            self?.acknowledge(all: false, isTimer: true)
        }
    }

    /// A delivery is given up: the broker may give it to the queue's dead-letter exchange.
    func reject(_ position: Position) {
        connection.loop.execute { [weak self] in
            guard let self, let tag = ledger.takeOut(position) else { return }
            channel?.send(AMQP_BASIC_REJECT_METHOD, amqp_basic_reject_t(delivery_tag: tag, requeue: 0))
        }
    }

    /// There may be room in the buffer again.
    func noteRoom() { connection.loop.execute { [weak self] in self?.admit() } }

    /// A delivery waits here for its retry, or does not any more.
    func note(_ position: Position, isDelayed: Bool) {
        delayed.withLock { delayed in
            if isDelayed { delayed.insert(position) } else { delayed.remove(position) }
        }
    }

    // MARK: Begin

    func connected() {
        guard phase == .idle || phase == .waiting else { return }
        begin()
    }

    private func begin() {
        phase = .beginning
        declarer.declare(queue.declarations) { [weak self] result in
            guard let self, phase == .beginning else { return }
            switch result {
            case .success: consume()
            case .failure(let error): failed(error)
            }
        }
    }

    private func consume() {
        let channel = connection.openChannel(self) { _ in }
        guard let channel else {
            return failed(MillraceError(.connectionFailed, "the connection has no channel left", isRetriable: true))
        }
        self.channel = channel
        let arena = AMQPArena()
        tagNumber += 1
        channel.call(AMQP_BASIC_QOS_METHOD, quality) { _ in }
        var arguments: [String: AMQPValue] = [:]
        if let priority = options.topology.consumerPriority { arguments["x-priority"] = .number(Int64(priority)) }
        let method = amqp_basic_consume_t(
            ticket: 0, queue: arena.bytes(queue.name), consumer_tag: arena.bytes(tag), no_local: 0, no_ack: 0,
            exclusive: options.topology.isExclusive.amqp, nowait: 0, arguments: arena.table(arguments))
        channel.call(AMQP_BASIC_CONSUME_METHOD, method) { [weak self] result in
            guard let self, phase == .beginning, case .success = result else { return }
            phase = .consuming
            failures.begun(at: SystemClock.shared.now)
            started.fire()
            look()
        }
        withExtendedLifetime(arena) {}
    }

    private var tag: String { "millrace-\(tagNumber)" }
    private var quality: amqp_basic_qos_t { amqp_basic_qos_t(prefetch_size: 0, prefetch_count: UInt16(prefetch), global: 0) }

    /// The first time, whoever subscribes is told. Later, the subscription is lost, unless another try can help.
    private func failed(_ error: MillraceError) {
        guard phase != .closed, phase != .stopping else { return }
        channel = nil
        // The first time, whoever subscribes waits for as long as connecting may take.
        lastError.withLock { $0 = error }
        guard started.hasFired || error.isRetriable else { return fail(error) }
        guard error.isRetriable || failures.count < 3 else {
            phase = .closed
            return buffer.lose(error)
        }
        phase = .waiting
        let delay = failures.failed(at: SystemClock.shared.now, random: random)
        connection.loop.execute(after: max(.milliseconds(5), delay), clock: SystemClock.shared) { [weak self] in
            guard let self, phase == .waiting, connection.isUp else { return }
            begin()
        }
    }

    private func fail(_ error: MillraceError) {
        startError.withLock { if !started.hasFired { $0 = error } }
        started.fire()
    }

    // MARK: The loss of the channel

    func closed(_ error: MillraceError) {
        channel = nil
        guard phase != .closed else { return }
        let wasConsuming = phase == .consuming
        loseDeliveries()
        guard phase != .stopping else { return }
        if wasConsuming, connection.isUp {
            observers.report(.warning, .disconnected(transport: "amqp", error: error))
        }
        // An open consumer that is closed can be opened again, whatever the reason was.
        failed(wasConsuming ? MillraceError(error.code, error.message, isRetriable: true) : error)
    }

    /// What was not handed out goes back to the broker. What is out, or waits for its retry here, stays: it will come again, and is then
    /// recognised.
    private func loseDeliveries() {
        let waiting = delayed.withLock { $0 }
        let withdrawn = arrived + buffer.withdraw { !waiting.contains($0) }
        arrived = []
        ledger.lose(withdrawn: withdrawn)
    }

    /// The queue was deleted, or its node is gone.
    func cancelled() {
        guard let channel, phase == .consuming else { return }
        giveBack(on: channel)
        channel.close {}
        closed(MillraceError(.connectionFailed, "the broker has cancelled the consumer of '\(queue.name)'", isRetriable: true))
    }

    func ended() {
        fail(AMQPError.transportClosed)
        phase = .closed
        buffer.lose(AMQPError.transportClosed)
    }

    // MARK: In

    func received(_ content: borrowing AMQPContent) {
        guard case .delivery(let delivery) = content.kind else { return }
        // The default exchange's routing key is the queue's name.
        let routingKey = delivery.routing_key.raw
        let isOwn = delivery.exchange.len == 0 || routingKey.isEmpty || routingKey.elementsEqual(topic.utf8)
        var (message, sent, hasOwnID) = AMQPLayout.decode(content, routingKey: isOwn ? nil : delivery.routing_key.text)
        let key = AMQPDeliveryKey(message, attempt: sent, hasOwnID: hasOwnID, delivery)
        if isPattern { message.metadata[MetadataKey.topic] = message.metadata[AMQPMetadata.receivedRoutingKey] ?? topic }
        switch ledger.arrive(delivery.delivery_tag, key, isRedelivered: delivery.redelivered != 0) {
        case .known: break
        case .done: mustAcknowledge = true
        case .new(let position):
            var attempt = delivery.redelivered != 0 ? max(sent, ledger.attempt(of: key) ?? sent) : sent
            if options.countsReturns { attempt += AMQPLayout.returns(message) }
            arrived.append(DeliveryBuffer.Entry(message: message, attempt: attempt, position: position))
        }
    }

    func batchEnded() {
        admit()
        guard mustAcknowledge else { return }
        mustAcknowledge = false
        acknowledge(all: false)
    }

    /// Hands over what has come, as far as there is room for it.
    private func admit() {
        guard !arrived.isEmpty else { return }
        guard keepsRetries else {
            // The broker counts.
            buffer.arrive(arrived)
            return arrived.removeAll(keepingCapacity: true)
        }
        // Until there is none: only then it is told when there is some again.
        while !arrived.isEmpty {
            let room = buffer.room()
            guard room > 0 else { return }
            buffer.arrive(Array(arrived.prefix(room)))
            arrived.removeFirst(min(room, arrived.count))
        }
    }

    // MARK: Acknowledge

    private func acknowledge(all: Bool, isTimer: Bool = false) {
        let (upTo, single) = ledger.takeAcknowledgements(all: all, isTimer: isTimer)
        if let channel {
            if let upTo { channel.acknowledge(upTo, isMultiple: true) }
            for tag in single { channel.acknowledge(tag, isMultiple: false) }
        }
        if ledger.mustSendSoon() { acknowledgeSoon() }
    }

    /// Sends all acknowledgements, and returns when the broker has them.
    func flush() async {
        let done = Signal()
        let isAccepted = connection.loop.execute { [self] in
            acknowledge(all: true)
            // Acknowledgements are not answered; what comes behind them is.
            guard let channel, phase == .consuming || phase == .stopping else { return done.fire() }
            channel.call(AMQP_BASIC_QOS_METHOD, quality) { _ in done.fire() }
        }
        if isAccepted { await done.waitUncancellably() }
    }

    func tick(_ now: ClockInstant) {
        ticks += 1
        if ticks % 5 == 0 { look() }
    }

    /// Asks how many messages wait.
    private func look() {
        guard phase == .consuming, let channel else { return }
        let declaration = AMQPDeclaration.queue(name: queue.name, isDurable: true, isPassive: true, arguments: [:])
        declaration.send(on: channel) { [weak self] result in
            guard let self, case .success(let reply) = result else { return }
            guard let found = reply.read(amqp_queue_declare_ok_t.self) else { return }
            ready.withLock { $0 = Int(found.message_count) }
        }
    }

    // MARK: The end

    /// Lets the broker send nothing more: others of the group get it.
    func stop() { connection.loop.execute { [self] in cancel() } }

    private func cancel() {
        guard phase != .closed, phase != .stopping else { return }
        let wasConsuming = phase == .consuming
        phase = .stopping
        guard wasConsuming, let channel else { return }
        let arena = AMQPArena()
        channel.call(AMQP_BASIC_CANCEL_METHOD, amqp_basic_cancel_t(consumer_tag: arena.bytes(tag), nowait: 0)) { _ in }
        withExtendedLifetime(arena) {}
    }

    /// Gives back what is unsettled where that counts for less than what the close of its channel gives back.
    private func giveBack(on channel: AMQPChannel) {
        guard connection.broker.forgivesReturns else { return }
        // 0 stands for all that there are.
        channel.send(AMQP_BASIC_NACK_METHOD, amqp_basic_nack_t(delivery_tag: 0, multiple: true.amqp, requeue: true.amqp))
    }

    /// Gives back what is unsettled, and returns when the broker has it.
    func close() async {
        let done = Signal()
        let isAccepted = connection.loop.execute { [self] in end { done.fire() } }
        if isAccepted { await done.waitUncancellably() }
        connection.remove(self)
    }

    /// The same without waiting.
    func abandon() {
        connection.loop.execute { [self] in end {} }
        connection.remove(self)
    }

    private func end(_ completion: @escaping () -> Void) {
        fail(AMQPError.transportClosed)
        guard phase != .closed, let channel else {
            phase = .closed
            return completion()
        }
        acknowledge(all: true)
        // What is given back is not to be sent to this member again.
        cancel()
        phase = .closed
        self.channel = nil
        giveBack(on: channel)
        if queue.isTemporary {
            AMQPDeclaration.removedQueue(name: queue.name).send(on: channel) { _ in }
        }
        channel.close(completion)
    }
}
