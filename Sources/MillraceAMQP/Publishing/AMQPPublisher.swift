import CRabbitMQ
import Millrace
import MillraceTransportKit

/// Publishes on a connection of its own. Messages of all tasks go out one after the other, without waiting for the confirmation of
/// those before; the broker confirms many at once.
final class AMQPPublisher: AMQPMember, AMQPChannelHandler, @unchecked Sendable {
    // Safe to share: what is not guarded by a lock of its own is used on the connection's thread alone.
    private enum Phase { case down, opening, ready, closed }

    private struct Incoming {
        var calls: [AMQPPublishCall] = []
        var isClosed = false
    }

    /// So many are written before the confirmations that have come meanwhile are looked at.
    private static let burst = 256

    let connection: AMQPConnection
    let declarer: AMQPDeclarer
    private let options: AMQPOptions
    private let gate: PublishGate
    private let incoming = Lock(Incoming())
    private let signal: LoopSignal
    /// What was declared, and is declared again when the connection is up again.
    private let known = Lock<[String: AMQPRoute]>([:])
    private var phase = Phase.down
    private var channel: AMQPChannel?
    private var waiting: [AMQPPublishCall] = []
    private var waitingHead = 0
    private var confirms = AMQPConfirms()
    private var writer = AMQPMessageWriter()
    private var closing: Signal?
    private var error = MillraceError(.connectionFailed, "there is no connection to the broker", isRetriable: true)

    init(_ options: AMQPOptions, connection: AMQPConnection, observers: AttachableObservers) {
        self.options = options
        self.connection = connection
        declarer = AMQPDeclarer(connection, options, observers)
        gate = PublishGate(capacity: options.maximumPending)
        signal = LoopSignal(connection.loop)
        signal.action = { [weak self] in self?.takeIncoming() }
        connection.whenBlocked = { [weak self] in self?.send() }
    }

    deinit { writer.deallocate() }

    // MARK: From any thread

    /// Publishes, and returns when the broker has confirmed all messages.
    func publish(_ messages: [Message], to topic: String) async throws {
        let route: AMQPRoute
        do {
            route = try await self.route(to: topic)
            try await gate.enter(messages.count)
        } catch {
            throw MillraceError.publishFailed(all: messages.count, to: topic, error)
        }
        defer { gate.leave(messages.count) }
        let call = AMQPPublishCall(messages, to: topic, route, deadline: deadline)
        add(call)
        try await call.outcome.wait()
    }

    /// Where a topic's messages go; it is there when this returns.
    private func route(to topic: String) async throws -> AMQPRoute {
        if let route = known.withLock({ $0[topic] }) { return route }
        let route = options.topology.route(to: topic)
        try await declarer.declare(options.declarations(for: topic))
        known.withLock { known in
            // Who has very many topics pays for declaring them, not with memory.
            if known.count >= 4_096 { known = [:] }
            known[topic] = route
        }
        return route
    }

    /// Publishes one message whoever waits, and says what came of it.
    func send(
        _ message: Message, to topic: String, _ route: AMQPRoute, attempt: Int? = nil,
        _ whenDone: @escaping @Sendable (Result<Void, any Error>) -> Void
    ) {
        do {
            // A foreign message may have headers that take more room as text.
            try AMQPLayout.check(message, maximumSize: .max, headers: headerLimit)
        } catch {
            return whenDone(.failure(error))
        }
        add(AMQPPublishCall([message], to: topic, route, attempt: attempt, deadline: deadline, whenKnown: whenDone))
    }

    /// Publishes a dead letter whoever waits. One that no queue takes gets a queue: letters are not to get lost.
    func sendLetter(_ letter: Message, to topic: String, _ whenDone: @escaping @Sendable (Result<Void, any Error>) -> Void) {
        let letter = AMQPLayout.fitting(letter, headers: headerLimit)
        var route = options.topology.route(to: topic)
        route.isMandatory = true
        declarer.declare(options.declarations(for: topic)) { [self, route] result in
            if case .failure(let error) = result { return whenDone(.failure(error)) }
            send(letter, to: topic, route) { [self] result in
                guard case .failure(let error) = result, Self.isUnroutable(error) else { return whenDone(result) }
                let queue = options.queue(for: topic, group: AMQPTopology.deadLetterGroup)
                declarer.declare(queue.declarations) { [self] result in
                    if case .failure(let error) = result { return whenDone(.failure(error)) }
                    send(letter, to: topic, route, whenDone)
                }
            }
        }
    }

    private static func isUnroutable(_ error: any Error) -> Bool {
        guard let failure = (error as? MillraceError)?.failures.first?.error as? MillraceError else { return false }
        return failure.code == .publishFailed && !failure.isRetriable
    }

    /// How many bytes of headers fit into a frame, beside what else is in it.
    var headerLimit: Int { connection.frameMaximum - 1_024 }

    /// Forgets what was declared: it was removed.
    func forget(_ topic: String) { known.withLock { $0[topic] = nil } }

    private var deadline: ClockInstant { SystemClock.shared.coarseNow.advanced(by: options.publishTimeout) }

    private func add(_ call: AMQPPublishCall) {
        let isClosed = incoming.withLock { incoming in
            if !incoming.isClosed { incoming.calls.append(call) }
            return incoming.isClosed
        }
        if isClosed { call.giveUp(AMQPError.transportClosed) } else { signal.fire() }
    }

    /// Refuses publishers, waits for those that are under way, up to the connect time-out, and lets the others fail.
    func close() async {
        gate.close(AMQPError.transportClosed)
        let done = Signal()
        let isAccepted = connection.loop.execute { [self] in
            takeIncoming()
            closing = done
            endClosing()
        }
        guard isAccepted else { return }
        let timer = SystemClock.shared.schedule(after: options.connectTimeout) { done.fire() }
        await done.waitUncancellably()
        timer.cancel()
        connection.loop.execute { [self] in
            phase = .closed
            incoming.withLock { $0.isClosed = true }
            takeIncoming()
            failAll(AMQPError.transportClosed)
        }
    }

    // MARK: The channel

    func connected() {
        guard phase == .down else { return }
        phase = .opening
        channel = connection.openChannel(self) { _ in }
        channel?.call(AMQP_CONFIRM_SELECT_METHOD, amqp_confirm_select_t(nowait: 0)) { [weak self] result in
            guard let self, phase == .opening else { return }
            guard case .success = result else { return }
            declareAgain()
        }
    }

    /// What is not durable has gone with the broker, and publishing to it would close the channel.
    private func declareAgain() {
        let topics = known.withLock { Array($0.keys) }
        guard !topics.isEmpty else { return becomeReady() }
        declarer.declare(topics.flatMap { options.declarations(for: $0) }) { [weak self] result in
            guard let self, phase == .opening else { return }
            // Whoever publishes next is told what is wrong.
            if case .failure = result { known.withLock { $0 = [:] } }
            becomeReady()
        }
    }

    private func becomeReady() {
        phase = .ready
        send()
    }

    func closed(_ error: MillraceError) {
        channel = nil
        guard phase != .closed else { return }
        phase = .down
        // Nobody knows what has become of them: whoever publishes them again may publish them twice.
        let reason = MillraceError(
            .connectionFailed, "no confirmation before the channel was closed: \(error.message)", isRetriable: true)
        confirms.removeAll { $0.call.report($0.index, $0.returned ?? (isCause($0.call, of: error) ? error : reason)) }
        // An exchange that is not there closes the channel of who publishes to it.
        if !error.isRetriable { known.withLock { $0 = [:] } }
        self.error = error
        connection.whenUp { [weak self] in self?.connected() }
        endClosing()
    }

    /// Whether the broker has closed the channel because of what such a call publishes to, which no other try can help. An exchange
    /// that is missing is declared again.
    private func isCause(_ call: AMQPPublishCall, of error: MillraceError) -> Bool {
        guard !error.isRetriable, error.message.contains("exchange '\(call.route.exchange)'") else { return false }
        return !options.topology.declares || !error.message.hasPrefix("NOT_FOUND")
    }

    func confirmed(_ tag: UInt64, isMultiple: Bool, isAccepted: Bool) {
        confirms.take(tag, isMultiple: isMultiple) { entry in
            let refusal = isAccepted ? nil : MillraceError(.publishFailed, "the broker has refused it", isRetriable: true)
            entry.call.report(entry.index, entry.returned ?? refusal)
        }
    }

    func received(_ content: borrowing AMQPContent) {
        guard case .returned(let why) = content.kind else { return }
        let message = AMQPLayout.decode(content, routingKey: nil).message
        let error = MillraceError(
            .publishFailed,
            "no queue takes messages of exchange '\(why.exchange.text)' with routing key '\(why.routing_key.text)': "
                + "\(why.reply_text.text) (\(why.reply_code))", isRetriable: false)
        confirms.noteReturn(of: message.id, error)
    }

    func batchEnded() {
        send()
        endClosing()
    }

    // MARK: Sending

    private func takeIncoming() {
        let calls = incoming.withLock { incoming in
            defer { incoming.calls = [] }
            return incoming.calls
        }
        waiting += calls
        send()
    }

    /// Sends as long as there is something to send and room for it.
    private func send() {
        guard phase == .ready, !connection.isBlocked, let channel, waitingHead < waiting.count else { return }
        let room = options.confirmWindow - confirms.count
        guard room > 0 else { return }
        var isComplete = true
        connection.sending { raw in
            for _ in 0..<min(room, Self.burst) {
                guard let call = nextCall() else { return AMQP_STATUS_OK.code }
                let status = writer.write(
                    call.messages[call.next], to: call.route, attempt: call.attempt, on: channel.number, raw)
                confirms.append(call, call.next)
                call.next += 1
                guard status == AMQP_STATUS_OK.code else { return status }
            }
            isComplete = false
            return AMQP_STATUS_OK.code
        }
        // Others get their turn, and confirmations, too.
        if !isComplete, confirms.count < options.confirmWindow { signal.fire() }
    }

    /// The first call that has something to be sent.
    private func nextCall() -> AMQPPublishCall? {
        while waitingHead < waiting.count {
            let call = waiting[waitingHead]
            if call.next < call.messages.count {
                if call.next > 0 || !call.outcome.isKnown { return call }
                // Cancelled before anything was sent.
                call.giveUp(CancellationError())
            }
            waitingHead += 1
        }
        waiting.removeAll(keepingCapacity: true)
        waitingHead = 0
        return nil
    }

    func tick(_ now: ClockInstant) {
        let late = MillraceError(
            .deadlineExceeded, "no confirmation within \(options.publishTimeout)", isRetriable: true)
        confirms.takeExpired(at: now) { $0.call.report($0.index, $0.returned ?? late) }
        guard waitingHead < waiting.count, waiting[waitingHead].deadline <= now else { return }
        let why = connection.isBlocked ? "the broker takes no messages for now" : "\(error.message)"
        let unsent = MillraceError(
            .connectionFailed, "not sent within \(options.publishTimeout): \(why)", isRetriable: true)
        for call in waiting[waitingHead...] where call.deadline <= now { call.giveUp(unsent) }
        _ = nextCall()
        endClosing()
    }

    private func failAll(_ error: MillraceError) {
        confirms.removeAll { $0.call.report($0.index, $0.returned ?? error) }
        for call in waiting[waitingHead...] { call.giveUp(error) }
        (waiting, waitingHead) = ([], 0)
    }

    private func endClosing() {
        guard let closing, nextCall() == nil, confirms.count == 0 else { return }
        closing.fire()
    }
}
