import CNATS
import Millrace

/// Sends what all tasks publish over the transport's connection, in one order, and again when that was lost in between.
///
/// With JetStream each message is acknowledged by its stream. With core NATS an echo behind the messages tells that the server has
/// taken them.
final class NATSPublisher: NATSMember, @unchecked Sendable {
    // Safe to share: `state` is guarded by its lock; `link` is used on the loop's thread alone.
    private struct State {
        /// Not sent yet.
        var queue: [NATSPublishCall] = []
        var window = PublishWindow()
        var hasTimer = false
    }

    private let options: NATSOptions
    private let connection: NATSConnection
    private let clock: any SchedulingClock
    private let observers: AttachableObservers
    private let gate: PublishGate
    private let state = Lock(State())
    private let sending: LoopSignal
    private var link: NATSLink?
    /// Told of topics whose stream is gone.
    var onMissingStream: (@Sendable (String) -> Void)?

    init(_ connection: NATSConnection) {
        self.connection = connection
        options = connection.options
        clock = connection.clock
        observers = connection.observers
        gate = PublishGate(capacity: connection.options.maximumPending)
        sending = LoopSignal(connection.loop)
        sending.action = { [weak self] in self?.send() }
        connection.onAcks = { [weak self] acks in self?.take(acks) }
        connection.onRefusal = { [weak self] subject, error in self?.refuse(subject, error) }
    }

    private var isCore: Bool { options.mode == .core }

    // MARK: From any thread

    /// Publishes, and returns when the server has all messages.
    func publish(_ messages: [Message], to topic: String) async throws {
        do {
            try await gate.enter(messages.count)
        } catch {
            throw MillraceError.publishFailed(all: messages.count, to: topic, error)
        }
        defer { gate.leave(messages.count) }
        let call = NATSPublishCall(messages, to: topic, due: clock.now.advanced(by: options.publishTimeout))
        add(call)
        try await call.wait()
    }

    /// Publishes one message whoever waits, and says what came of it. For dead letters, of which there are few.
    func send(_ message: Message, to topic: String, _ whenDone: @escaping @Sendable (Result<Void, any Error>) -> Void) {
        add(
            NATSPublishCall(
                [message], to: topic, due: clock.now.advanced(by: options.publishTimeout), whenKnown: whenDone))
    }

    private func add(_ call: NATSPublishCall) {
        let needsTimer = state.withLock { state in
            state.queue.append(call)
            defer { state.hasTimer = true }
            return !state.hasTimer
        }
        sending.fire()
        if needsTimer { _ = clock.schedule(at: call.due) { [weak self] in self?.expire() } }
    }

    // MARK: On the loop

    func linkUp(_ link: NATSLink) {
        self.link = link
        // What was sent and not acknowledged goes first: its place is before all that was not.
        let again = state.withLock { $0.window.all }
        for (number, entry) in again { send(entry, number, over: link) }
        send()
    }

    func linkDown() {
        link = nil
        guard isCore else { return }
        // At most once: what may have been taken is not sent again.
        let error = NATSError.notConnected("publishing")
        finish { window in window.all.map { ($0.number, error) } }
    }

    private func send() {
        guard let link else { return }
        let (calls, first) = state.withLock { state -> ([NATSPublishCall], UInt64) in
            let calls = state.queue.filter { !$0.isOver }
            let first = state.window.next
            for call in calls {
                for index in call.messages.indices { state.window.append(.init(call: call, index: index)) }
            }
            state.queue = []
            return (calls, first)
        }
        guard !calls.isEmpty else { return }
        var number = first
        var reply = ReplySubject(link.inbox, mark: NATSReplies.publishMark)
        for call in calls {
            call.topic.withCString { subject in
                for message in call.messages {
                    send(message, subject, number, &reply, over: link)
                    number += 1
                }
            }
        }
        if isCore { reply.with(number - 1) { _ = natsConnection_Publish(link.handle, $0, nil, 0) } }
    }

    private func send(_ entry: PublishWindow.Entry, _ number: UInt64, over link: NATSLink) {
        var reply = ReplySubject(link.inbox, mark: NATSReplies.publishMark)
        entry.call.topic.withCString { send(entry.call.messages[entry.index], $0, number, &reply, over: link) }
    }

    private func send(
        _ message: borrowing Message, _ subject: UnsafePointer<CChar>, _ number: UInt64, _ reply: inout ReplySubject,
        over link: NATSLink
    ) {
        let status = reply.with(number) { reply in
            let raw = NATSLayout.encode(
                message, subject: subject, reply: isCore ? nil : reply, deduplicates: options.deduplicates && !isCore)
            defer { natsMsg_Destroy(raw) }
            return natsConnection_PublishMsg(link.handle, raw)
        }
        // Lost, it is sent again over the next link.
        guard status != NATS_OK, status != NATS_CONNECTION_CLOSED else { return }
        let error = NATSError.make(status, "publishing to '\(String(cString: subject))'")
        finish { _ in [(number, error)] }
    }

    // MARK: The end of messages

    private func take(_ acks: [PublishAck]) {
        guard !isCore else {
            let last = acks.map(\.number).max() ?? 0
            let ended = state.withLock { state in
                state.window.removeAll(through: last).filter { $0.call.report($0.index, nil) }.map(\.call)
            }
            for call in ended { call.end() }
            return
        }
        var missing: Set<String> = []
        var duplicates: [String: Int] = [:]
        let ended = state.withLock { state -> [NATSPublishCall] in
            var ended: [NATSPublishCall] = []
            for ack in acks {
                guard let entry = state.window.remove(ack.number) else { continue }
                var error: MillraceError?
                switch ack.outcome {
                case .stored: break
                case .duplicate: duplicates[entry.call.topic, default: 0] += 1
                case .noStream:
                    missing.insert(entry.call.topic)
                    error = NATSError.noResponders("publishing to '\(entry.call.topic)'")
                case .refused(let refusal): error = refusal
                }
                if entry.call.report(entry.index, error) { ended.append(entry.call) }
            }
            return ended
        }
        for call in ended { call.end() }
        for topic in missing { onMissingStream?(topic) }
        for (topic, count) in duplicates {
            observers.report(
                .debug, .messagesDropped(topic: topic, count: count, reason: "the stream has had messages of these ids"))
        }
    }

    /// Ends messages with an error each, or without.
    private func finish(_ which: (PublishWindow) -> [(number: UInt64, error: MillraceError?)]) {
        let ended = state.withLock { state -> [NATSPublishCall] in
            var ended: [NATSPublishCall] = []
            for (number, error) in which(state.window) {
                guard let entry = state.window.remove(number) else { continue }
                if entry.call.report(entry.index, error) { ended.append(entry.call) }
            }
            return ended
        }
        for call in ended { call.end() }
    }

    /// The server does not permit this client to publish to a subject, and says no more of its messages.
    private func refuse(_ subject: String, _ error: MillraceError) {
        finish { window in window.all.filter { $0.entry.call.topic == subject }.map { ($0.number, error) } }
    }

    /// Ends what has been on its way for too long.
    private func expire() {
        let now = clock.now
        endQueued(timedOut: now)
        let timeout = options.publishTimeout
        finish { window in
            window.all.filter { $0.entry.call.due <= now }.map {
                ($0.number, NATSError.timedOut("publishing to '\($0.entry.call.topic)'", after: timeout))
            }
        }
        let next = state.withLock { state -> ClockInstant? in
            let next = (state.window.all.map(\.entry.call.due) + state.queue.map(\.due)).min()
            state.hasTimer = next != nil
            return next
        }
        if let next { _ = clock.schedule(at: next) { [weak self] in self?.expire() } }
    }

    private func endQueued(timedOut now: ClockInstant) {
        let error = NATSError.notConnected("publishing")
        endQueued(error) { $0.due <= now }
    }

    private func endQueued(_ error: MillraceError, where matches: (NATSPublishCall) -> Bool) {
        let ended = state.withLock { state -> [NATSPublishCall] in
            let ended = state.queue.filter(matches)
            state.queue.removeAll(where: matches)
            for call in ended { for index in call.messages.indices { _ = call.report(index, error) } }
            return ended
        }
        for call in ended { call.end() }
    }

    // MARK: End

    /// Waits until all publishers are done, up to the connect time-out, and lets the others fail.
    func close() async {
        let closed = MillraceError(.closed, "the transport is closed", isRetriable: false)
        gate.close(closed)
        let deadline = SystemClock.shared.now.advanced(by: options.connectTimeout)
        while !gate.isEmpty {
            if SystemClock.shared.now >= deadline {
                endQueued(closed) { _ in true }
                finish { window in window.all.map { ($0.number, closed) } }
            }
            try? await SystemClock.shared.sleep(for: .milliseconds(2))
            await Task.yield()
        }
    }
}
