import CNATS
import Millrace
import MillraceTransportKit

/// Who works over a connection. Called on the loop.
protocol NATSMember: AnyObject, Sendable {
    /// There is a link: the first one, or another one.
    func linkUp(_ link: NATSLink)
    /// The link is gone. What it had sent may have arrived, or not.
    func linkDown()
}

/// The transport's connection: a link, and another one when that is lost.
///
/// Reconnecting is not libnats' business here, which would send what it had gathered before what has to be sent again.
final class NATSConnection: @unchecked Sendable {
    // Safe to share: `members` is used on the loop's thread alone; the rest is guarded by locks or does not change.
    private struct State {
        var link: NATSLink?
        var servers: [String]
        var next = 0
        var isClosed = false
        var isWanted = false
    }

    private struct Member {
        weak var member: (any NATSMember)?
    }

    let options: NATSOptions
    let loop: EventLoop
    let clock: any SchedulingClock
    let observers: AttachableObservers
    private let random = RandomSource()
    /// On the loop.
    private var failures = FailureStreak(.exponential(from: .milliseconds(50), upTo: .seconds(5)))
    private let requests: NATSRequests
    private let state: Lock<State>
    private var members: [Member] = []
    private var replies: NATSRepliesHandle?
    private let hasEnded = Signal()
    /// Told of publishes that the server does not permit, by their subject.
    var onRefusal: (@Sendable (String, MillraceError) -> Void)?

    init(_ options: NATSOptions, loop: EventLoop, clock: any SchedulingClock, observers: AttachableObservers) {
        self.options = options
        self.loop = loop
        self.clock = clock
        self.observers = observers
        requests = NATSRequests(clock: clock)
        state = Lock(State(servers: options.servers.shuffled()))
    }

    /// The link that there is now.
    var link: NATSLink? { state.withLock { $0.link } }

    // MARK: Life

    /// Connects for the first time. Throws the `MillraceError` of the last server that was tried.
    func open() async throws {
        state.withLock { $0.isWanted = true }
        let count = options.servers.count
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            NATSThread.run { [self] in
                var last: any Error = NATSError.notConnected("NATS")
                for _ in 0..<count {
                    do {
                        let link = try connect()
                        let isAccepted = loop.execute { [self] in
                            up(link)
                            continuation.resume()
                        }
                        guard !isAccepted else { return }
                        link.end()
                        break
                    } catch {
                        last = error
                    }
                }
                continuation.resume(throwing: last)
            }
        }
    }

    private func connect() throws -> NATSLink {
        let server = state.withLock { state in
            defer { state.next += 1 }
            return state.servers[state.next % state.servers.count]
        }
        return try NATSLink.connect(to: server, options, loop: loop)
    }

    private func up(_ link: NATSLink) {
        let isWanted = state.withLock { state in
            guard !state.isClosed else { return false }
            state.link = link
            for server in link.discovered where !state.servers.contains(server) { state.servers.append(server) }
            return true
        }
        guard isWanted else { return link.end() }
        link.onRefusal = { [weak self] status, text in self?.refused(status, text) }
        do {
            replies = try NATSReplies.open(on: link) { [requests] number, message in requests.answer(number, message) }
        } catch {
            link.end()
        }
        link.whenEnded { [weak self] error in
            guard let self else { return }
            loop.execute { self.down(link, error) }
        }
        failures.begun(at: SystemClock.shared.now)
        observers.report(.info, .connected(transport: "nats"))
        members.removeAll { $0.member == nil }
        for entry in members { entry.member?.linkUp(link) }
    }

    private func down(_ link: NATSLink, _ error: MillraceError) {
        let isClosed = state.withLock { state in
            if state.link === link { state.link = nil }
            return state.isClosed
        }
        replies = nil
        requests.endAll(error)
        for entry in members { entry.member?.linkDown() }
        guard !isClosed else { return hasEnded.fire() }
        observers.report(.warning, .disconnected(transport: "nats", error: error))
        reconnect()
    }

    private func reconnect() {
        let delay = failures.failed(at: SystemClock.shared.now, random: random)
        SystemClock.shared.schedule(after: delay) { [weak self] in
            guard let self, !state.withLock({ $0.isClosed }) else { return }
            NATSThread.run {
                do {
                    let link = try self.connect()
                    // Closed meanwhile, there is no loop any more.
                    if !self.loop.execute({ self.up(link) }) { link.end() }
                } catch {
                    self.loop.execute { self.reconnect() }
                }
            }
        }
    }

    /// Ends the connection, after what was published has been written. What waits for an answer gets `closed`.
    func close() async {
        let link = state.withLock { state in
            state.isClosed = true
            return state.link
        }
        requests.endAll(MillraceError(.closed, "the transport is closed", isRetriable: false))
        guard let link else { return }
        link.end()
        await hasEnded.waitUncancellably()
    }

    /// Ends the connection without waiting.
    func abandon() {
        let link = state.withLock { state in
            state.isClosed = true
            return state.link.take()
        }
        if let link { link.end() }
    }

    // MARK: Members

    /// On the loop: has a member told of links from now on, and of the one that there is.
    func add(_ member: any NATSMember) {
        members.removeAll { $0.member == nil }
        members.append(Member(member: member))
        if let link { member.linkUp(link) }
    }

    func remove(_ member: any NATSMember) { members.removeAll { $0.member == nil || $0.member === member } }

    // MARK: Requests

    /// Sends a request; `done` is called once, on any thread.
    func request(
        _ subject: String, _ body: String, timeout: Duration? = nil, _ done: @escaping NATSRequests.Done
    ) {
        guard let link else { return done(.failure(NATSError.notConnected(subject))) }
        let number = requests.add(subject, timeout: timeout ?? options.requestTimeout, done)
        let reply = "\(link.inbox).r\(number)"
        let status = link.publish(subject, body, reply: reply)
        if status != NATS_OK { requests.end(number, .failure(NATSError.make(status, subject))) }
    }

    /// Sends a message as a request and returns the answer as it came. Throws what went wrong; cancelling ends the wait.
    func request(_ message: Message, to subject: String, timeout: Duration) async throws -> NATSReply {
        let cell = NATSRequestCell()
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                guard let link else { return continuation.resume(throwing: NATSError.notConnected(subject)) }
                let number = requests.add(subject, timeout: timeout, decodes: true) { result in
                    continuation.resume(
                        with: result.mapError { cell.isCancelled ? CancellationError() as any Error : $0 })
                }
                if cell.set(number) { return requests.end(number, .failure(NATSError.notConnected(subject))) }
                let raw = NATSLayout.encode(
                    message, subject: subject, reply: "\(link.inbox).r\(number)")
                let status = raw == nil ? NATS_MAX_PAYLOAD : natsConnection_PublishMsg(link.handle, raw)
                natsMsg_Destroy(raw)
                if status != NATS_OK { requests.end(number, .failure(NATSError.make(status, subject))) }
            }
        } onCancel: {
            if let number = cell.cancel() { requests.end(number, .failure(NATSError.notConnected(subject))) }
        }
    }

    /// Waits until the server has read all that was sent before. From any thread; `done` is called on any thread.
    func echo(_ done: @escaping @Sendable (Bool) -> Void) {
        guard let link else { return done(false) }
        let number = requests.add("an echo", timeout: options.requestTimeout) { result in
            if case .success = result { done(true) } else { done(false) }
        }
        let status = link.publish("\(link.inbox).r\(number)", "+" as StaticString)
        if status != NATS_OK { requests.end(number, .failure(NATSError.make(status, "an echo"))) }
    }

    private func refused(_ status: natsStatus, _ text: String) {
        guard status == NATS_NOT_PERMITTED else { return }
        let error = NATSError.make(status, "NATS", text)
        observers.report(.error, .disconnected(transport: "nats", error: error))
        guard let range = text.range(of: "Publish to \""), let end = text[range.upperBound...].firstIndex(of: "\"") else {
            return
        }
        onRefusal?(String(text[range.upperBound..<end]), error)
    }
}

/// The number of a request whose task may be cancelled.
private final class NATSRequestCell: Sendable {
    private let state = Lock<(number: UInt64?, isCancelled: Bool)>((nil, false))

    var isCancelled: Bool { state.withLock { $0.isCancelled } }

    /// Returns whether the task was cancelled before.
    func set(_ number: UInt64) -> Bool {
        state.withLock { state in
            state.number = number
            return state.isCancelled
        }
    }

    func cancel() -> UInt64? {
        state.withLock { state in
            state.isCancelled = true
            return state.number
        }
    }
}

extension String {
    /// The first occurrence of a text; without Foundation.
    fileprivate func range(of text: String) -> Range<Index>? {
        var start = startIndex
        while start < endIndex {
            if self[start...].hasPrefix(text) { return start..<index(start, offsetBy: text.count) }
            start = index(after: start)
        }
        return nil
    }
}
