import CNATS
import Millrace
import MillraceTransportKit

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
        /// The number of the last message of each batch that is on its way.
        var batches: [UInt64] = []
        /// Whether what is in the queue waits for a batch to arrive.
        var isGathering = false

        /// Whether it is better to wait for what else comes. What has arrived in the meantime is forgotten.
        mutating func mustGather() -> Bool {
            let first = window.first
            batches.removeAll { $0 < first }
            return batches.count >= NATSPublisher.maximumBatches
        }
    }

    /// How many batches may be on their way, unless one takes long: what is published meanwhile gathers, and costs client and server
    /// one look for all of it. Two keep both busy.
    private static let maximumBatches = 2
    /// For how long to gather at most.
    private static let maximumGathering = Duration.milliseconds(1)

    private let options: NATSOptions
    private let connection: NATSConnection
    private let clock: any SchedulingClock
    private let observers: AttachableObservers
    private let gate: PublishGate
    private let state = Lock(State())
    private let sending: LoopSignal
    private let jetStream: JetStream
    private var link: NATSLink?
    /// The beginning of the subjects at which acknowledgements arrive.
    private var replyPrefix = ""
    /// Whether messages that found no stream are being looked for, and whether that has to be done again.
    private var isLooking = false
    private var mustLookAgain = false
    /// Told of topics whose stream is gone.
    var onMissingStream: (@Sendable (String) -> Void)?

    init(_ connection: NATSConnection, _ jetStream: JetStream) {
        self.connection = connection
        self.jetStream = jetStream
        options = connection.options
        clock = connection.clock
        observers = connection.observers
        gate = PublishGate(capacity: connection.options.maximumPending)
        sending = LoopSignal(connection.loop)
        sending.action = { [weak self] in self?.send() }
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
        replyPrefix = "\(link.inbox).p."
        let mailbox = NATSMailbox("\(replyPrefix)*") { [weak self] content in self?.take(content) }
        // The link is about to end as well, when that fails.
        guard (try? link.open(mailbox)) != nil else { return }
        // What was sent and not acknowledged goes first: its place is before all that was not.
        let again = state.withLock { $0.window.all }
        send(again, over: link)
        send()
    }

    func linkDown() {
        link = nil
        guard isCore else { return }
        // At most once: what may have been taken is not sent again.
        let error = NATSError.notConnected("publishing")
        finish { window in window.all.map { ($0.number, error) } }
    }

    private func send(isOverdue: Bool = false) {
        guard let link else { return }
        let (calls, first, mustWait) = state.withLock { state -> ([NATSPublishCall], UInt64, Bool) in
            guard !state.queue.isEmpty else { return ([], 0, false) }
            if !isOverdue, state.mustGather() {
                defer { state.isGathering = true }
                return ([], 0, !state.isGathering)
            }
            state.isGathering = false
            let calls = state.queue.filter { !$0.isOver }
            let first = state.window.next
            for call in calls {
                for index in call.messages.indices { state.window.append(.init(call: call, index: index)) }
            }
            state.queue = []
            guard !calls.isEmpty else { return ([], 0, false) }
            state.batches.append(state.window.next - 1)
            return (calls, first, false)
        }
        if mustWait {
            SystemClock.shared.schedule(after: Self.maximumGathering) { [weak self] in
                guard let self else { return }
                connection.loop.execute { self.send(isOverdue: true) }
            }
        }
        guard !calls.isEmpty else { return }
        var number = first
        var reply = ReplySubject(replyPrefix)
        var spent = SpentMessages()
        for call in calls {
            let identity = identity(for: call.topic)
            call.topic.withCString { subject in
                for message in call.messages {
                    send(message, subject, identity, number, &reply, &spent, over: link)
                    number += 1
                }
            }
        }
        if isCore { reply.with(number - 1) { _ = natsConnection_Publish(link.handle, $0, nil, 0) } }
    }

    private func send(_ again: [(number: UInt64, entry: PublishWindow.Entry)], over link: NATSLink) {
        state.withLock { state in for (number, _) in again { state.window.noteSentAgain(number) } }
        var reply = ReplySubject(replyPrefix)
        var spent = SpentMessages()
        for (number, entry) in again {
            let identity = identity(for: entry.call.topic)
            entry.call.topic.withCString {
                send(entry.call.messages[entry.index], $0, identity, number, &reply, &spent, over: link)
            }
        }
    }

    private func identity(for topic: String) -> MessageIdentity? {
        options.deduplicates && !isCore ? MessageIdentity(topic: topic) : nil
    }

    private func send(
        _ message: borrowing Message, _ subject: UnsafePointer<CChar>, _ identity: MessageIdentity?, _ number: UInt64,
        _ reply: inout ReplySubject, _ spent: inout SpentMessages, over link: NATSLink
    ) {
        let status = reply.with(number) { reply in
            let raw = NATSLayout.encode(message, subject: subject, reply: isCore ? nil : reply, identity: identity)
            guard let raw else { return NATS_MAX_PAYLOAD }
            defer { spent.add(NATSMessage(raw: raw)) }
            return natsConnection_PublishMsg(link.handle, raw)
        }
        // Lost, it is sent again over the next link.
        guard status != NATS_OK, status != NATS_CONNECTION_CLOSED else { return }
        let error = NATSError.make(status, "publishing to '\(String(cString: subject))'")
        finish { _ in [(number, error)] }
    }

    // MARK: The end of messages

    private func take(_ content: NATSMailbox.Content) {
        guard case .messages(let messages) = content else { return lookForMissing() }
        let acks = messages.compactMap { PublishAck($0) }
        for message in messages { message.destroy() }
        var mustSend = false
        var duplicates: [String: Int] = [:]
        let ended = state.withLock { state -> [NATSPublishCall] in
            var ended: [NATSPublishCall] = []
            for ack in acks {
                if isCore {
                    ended += state.window.removeAll(through: ack.number).filter { $0.call.report($0.index, nil) }.map(\.call)
                    continue
                }
                guard let entry = state.window.remove(ack.number) else { continue }
                var error: MillraceError?
                switch ack.outcome {
                case .stored: break
                // What was sent again has arrived before; what was not is a message that nobody will get.
                case .duplicate where entry.isSentAgain: break
                case .duplicate: duplicates[entry.call.topic, default: 0] += 1
                case .refused(let refusal): error = refusal
                }
                if entry.call.report(entry.index, error) { ended.append(entry.call) }
            }
            mustSend = state.isGathering && !state.mustGather()
            return ended
        }
        if mustSend { send() }
        for call in ended { call.end() }
        for (topic, count) in duplicates {
            observers.report(
                .warning,
                .messagesDropped(
                    topic: topic, count: count, reason: "the stream has had messages of this topic with these ids and payloads"))
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

    // MARK: Messages without a stream

    /// How long to wait before what found no stream is sent to it after all, or looked for again.
    private static let patience = Duration.milliseconds(100)

    /// Some message has found no stream, and libnats does not tell which: asks for the streams of all that are on their way.
    private func lookForMissing() {
        guard !isCore else { return }
        guard !isLooking else {
            mustLookAgain = true
            return
        }
        (isLooking, mustLookAgain) = (true, false)
        let (topics, last) = state.withLock { state in (Set(state.window.all.map(\.entry.call.topic)), state.window.next) }
        let left = Lock(topics.count)
        guard !topics.isEmpty else { return looked() }
        for topic in topics {
            jetStream.call("STREAM.NAMES", ["subject": topic], "looking for the stream of topic '\(topic)'") {
                [self] (result: Result<StreamNames, MillraceError>) in
                connection.loop.execute { [self] in
                    found(topic, upTo: last, result)
                    let isLast = left.withLock { left in
                        left -= 1
                        return left == 0
                    }
                    if isLast { looked() }
                }
            }
        }
    }

    private func found(_ topic: String, upTo last: UInt64, _ result: Result<StreamNames, MillraceError>) {
        guard case .success(let names) = result else { return mustLookAgain = true }
        if (names.streams ?? []).isEmpty {
            onMissingStream?(topic)
            let error = NATSError.noResponders("publishing to '\(topic)'")
            return finish { window in
                window.all.filter { $0.number < last && $0.entry.call.topic == topic }.map { ($0.number, error) }
            }
        }
        // It has one, or has one again. Sent again, messages that had found it count once.
        guard options.deduplicates else { return }
        connection.loop.execute(after: Self.patience, clock: SystemClock.shared) { [weak self] in
            guard let self, let link else { return }
            let again = state.withLock { $0.window.all.filter { $0.number < last && $0.entry.call.topic == topic } }
            send(again, over: link)
        }
    }

    private func looked() {
        guard mustLookAgain else { return isLooking = false }
        connection.loop.execute(after: Self.patience, clock: SystemClock.shared) { [weak self] in
            self?.isLooking = false
            self?.lookForMissing()
        }
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
