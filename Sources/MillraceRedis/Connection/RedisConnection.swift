import Millrace
import MillraceTransportKit

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// One connection to a server, which comes back by itself when it is lost.
///
/// Calls may be sent from any thread; those of all tasks go out in one write and are answered in order. While there is no
/// connection they wait, for as long as their time-out allows.
final class RedisConnection: EventSource, @unchecked Sendable {
    // Safe to share: `queue` takes calls from any thread; everything else is used on the loop's thread alone.
    private enum Phase {
        case idle, discovering, connecting, handshake
        /// Looks up what a lost connection has delivered all the same, before it is sent again.
        case checking
        case ready, waiting, closed
    }

    /// How long to wait before the next attempt to connect.
    private static let reconnect = Backoff.exponential(from: .milliseconds(50), upTo: .seconds(5))

    /// How many calls at least go out in one write, if there are so many.
    private static let chunk = 16

    let options: RedisOptions
    private let tls: TLSContext?
    /// Where the present attempt goes; those of the options take turns.
    private(set) var endpoint: RedisEndpoint
    private let role: String
    private let loop: EventLoop
    let clock: any SchedulingClock
    private let observers: AttachableObservers
    /// Is told what time it is at the server; nil when nobody wants to know.
    let serverClock: ServerClock?
    /// Whether this connection asks for the time again and again: one on which nothing waits for long.
    private let asksForTime: Bool
    var isAskingForTime = false
    private let random: RandomSource
    private let discovery: RedisDiscovery?
    /// Whether the first attempts to connect may fail, until the connect time-out, before the caller is told.
    private let isPatient: Bool
    private let queue = RedisCallQueue()

    private var phase = Phase.idle
    private var socket: RedisSocket?
    private var reader: RedisReplyReader?
    private var output = RESPWriter()
    /// How much of `output` has gone to the network so far, in all.
    private var sentBytes = 0
    /// Sent, in the order of their replies, which each has so many of to come.
    private var inFlight: [(call: RedisCall, replies: Int)] = []
    private var answered = 0
    /// Not sent yet.
    private var backlog: [RedisCall] = []
    private var failures = FailureStreak(RedisConnection.reconnect)
    private var isEnding = false
    private var watchdog: ScheduledTimer?
    private var input = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 16)
    /// Called on the loop whenever the handshake is done.
    var onReady: (@Sendable () -> Void)?
    /// Whether commands are sent at once.
    var isReady: Bool { phase == .ready }
    /// The server's number for this connection, for `CLIENT UNBLOCK`.
    private(set) var clientID = 0
    private var serverTime = ServerTime()
    /// The server's numbers for lost connections on which messages were that it has not answered for.
    private var lostClientIDs: [Int] = []
    /// How many connections in a row were lost before it was known what has arrived.
    private var failedChecks = 0
    private var openedAt = ClockInstant(nanoseconds: 0)
    /// Why the last attempt to connect failed, and fires when the first attempt is over.
    let firstAttempt = Signal()
    private let firstError = Lock<MillraceError?>(nil)

    init(
        _ options: RedisOptions, tls: TLSContext?, role: String, loop: EventLoop, clock: any SchedulingClock,
        random: RandomSource, observers: AttachableObservers, serverClock: ServerClock? = nil, asksForTime: Bool = false,
        isPatient: Bool = false
    ) {
        self.options = options
        self.tls = tls
        endpoint = options.sentinels?.endpoints.first ?? options.endpoints.first ?? .tcp(host: "localhost")
        self.role = role
        self.loop = loop
        self.clock = clock
        self.random = random
        self.observers = observers
        self.serverClock = serverClock
        self.asksForTime = asksForTime
        self.isPatient = isPatient
        discovery = options.sentinels.map {
            RedisDiscovery($0, options, tls: tls, loop: loop, clock: clock, random: random)
        }
    }

    deinit { input.deallocate() }

    // MARK: From any thread

    /// Begins to connect.
    func open() {
        loop.execute { [self] in
            guard phase == .idle else { return }
            openedAt = clock.now
            connect()
        }
    }

    /// Waits for the first attempt to connect, or for several if it is patient. Throws why it failed.
    func waitUntilConnected() async throws {
        try await firstAttempt.wait()
        if let firstFailure { throw firstFailure }
    }

    /// Why the first attempt failed; nil when it did not, or is not over.
    var firstFailure: MillraceError? { firstError.withLock { $0 } }

    func send(_ call: RedisCall) {
        guard queue.add(call), !loop.execute({ [self] in takeCalls() }) else { return }
        // The loop has ended, and with it the transport.
        failQueue()
    }

    /// Closes the connection. What waits fails with `closed`.
    func close() async {
        let closed = Signal()
        let isAccepted = loop.execute { [self] in
            shut(MillraceError(.closed, "the connection to \(endpoint) is closed", isRetriable: false))
            closed.fire()
        }
        if isAccepted { await closed.waitUncancellably() }
    }

    /// The server is about to be asked to end the connection: nobody is told, and it does not come back.
    func expectEnd() {
        loop.execute { [self] in isEnding = true }
    }

    /// Closes the connection without waiting for that.
    func abandon() {
        loop.execute { [self] in
            shut(MillraceError(.closed, "the connection to \(endpoint) is closed", isRetriable: false))
        }
    }

    // MARK: Calls

    private func takeCalls() {
        let calls = queue.take()
        let now = clock.coarseNow
        // The server starts with the first of many while the rest is encoded. Otherwise it and those who publish would wait for
        // each other in turn.
        var pause = Self.chunk
        for (index, call) in calls.enumerated() {
            if index == pause {
                flush()
                pause += max(Self.chunk, inFlight.count / 4)
            }
            call.startedAt = now
            if phase == .closed {
                call.failed(MillraceError(.closed, "the connection to \(endpoint) is closed", isRetriable: false))
            } else if phase == .ready {
                encode(call)
            } else {
                backlog.append(call)
            }
        }
        flush()
    }

    private func failQueue() {
        for call in queue.take() {
            call.failed(MillraceError(.closed, "the transport is closed", isRetriable: false))
        }
    }

    /// Sends a call of the connection's own, which nobody has given to it.
    func begin(_ call: RedisCall) {
        call.startedAt = clock.now
        encode(call)
        flush()
    }

    private func encode(_ call: RedisCall) {
        if call.sentAt == nil { call.sentAt = serverTime.now(clock) }
        call.outputStart = sentBytes + output.count
        let replies = call.encode(into: &output)
        if replies > 0 { inFlight.append((call, replies)) }
    }

    private func flush() {
        guard phase == .ready || phase == .handshake || phase == .checking, let socket else { return }
        while !output.isEmpty {
            switch output.withUnsafeBytes({ socket.write($0) }) {
            case .some(let count):
                output.consume(count)
                sentBytes += count
            case .again: return
            case .failed(let error): return lose(error)
            }
        }
    }

    // MARK: The loop

    var descriptor: Int32 { socket?.descriptor ?? -1 }
    var wantsWrite: Bool {
        phase == .connecting || socket?.wantsWrite == true || socket != nil && !output.isEmpty
    }

    func ready(toRead: Bool, toWrite: Bool) {
        if phase == .connecting {
            do {
                guard try socket?.finishConnecting() == true else { return }
            } catch {
                return lose(error as? MillraceError ?? failure("\(error)"))
            }
            return shakeHands()
        }
        if toRead { read() }
        flush()
    }

    private func read() {
        while let socket {
            switch socket.read(input) {
            case .again: return
            case .failed(let error): return lose(error)
            case .some(let count):
                do throws(RedisReplyReader.Failure) {
                    try reader?.feed(UnsafeRawBufferPointer(rebasing: input[..<count]))
                } catch {
                    return lose(protocolError(error))
                }
                guard parse() else { return }
                if count < input.count, !socket.hasBuffered { return }
            }
        }
    }

    /// Hands out the replies that are there. False when the connection is gone after that.
    private func parse() -> Bool {
        while let reader {
            do throws(RedisReplyReader.Failure) {
                guard try reader.next({ take($0) }) else {
                    compact()
                    return true
                }
            } catch {
                lose(protocolError(error))
            }
        }
        return false
    }

    private func take(_ reply: borrowing RedisReply) {
        guard answered < inFlight.count else { return lose(failure("the server sent a reply that nobody asked for")) }
        if phase == .ready || phase == .checking, let error = reply.error, isServerNotReady(error) {
            return lose(failure("the server says: \(error)"))
        }
        inFlight[answered].replies -= 1
        let call = inFlight[answered].call
        if inFlight[answered].replies == 0 { answered += 1 }
        if phase == .ready, failures.count > 0 { failures.worked() }
        // The call may close the connection.
        call.reply(reply)
    }

    private func compact() {
        guard answered > 0 else { return }
        inFlight.removeFirst(answered)
        answered = 0
    }

    /// A server that is loading its data or was demoted serves nobody: another attempt, perhaps at another server, has to.
    private func isServerNotReady(_ error: String) -> Bool {
        ["LOADING", "READONLY", "MASTERDOWN"].contains { error.hasPrefix($0) }
    }

    // MARK: Connecting

    private func connect() {
        watchdog?.cancel()
        watchdog = loop.execute(after: options.connectTimeout, clock: clock) { [weak self] in
            guard let self, [.discovering, .connecting, .handshake].contains(phase) else { return }
            lose(failure("no connection within \(options.connectTimeout)"))
        }
        guard let discovery else { return resolve(options.endpoints[failures.count % options.endpoints.count]) }
        phase = .discovering
        discovery.run { [weak self] result in
            guard let self, phase == .discovering else { return }
            switch result {
            case .success(let endpoint): resolve(endpoint)
            case .failure(let error): lose(error)
            }
        }
    }

    private func resolve(_ endpoint: RedisEndpoint) {
        phase = .connecting
        self.endpoint = endpoint
        // Looking up a name may block for seconds.
        RedisSocket.resolve(endpoint) { [weak self] result in
            self?.loop.execute { [weak self] in self?.connect(to: result) }
        }
    }

    private func connect(to result: Result<SocketAddress, MillraceError>) {
        guard phase == .connecting, socket == nil else { return }
        do {
            let socket = try RedisSocket(result.get(), endpoint, tls: tls)
            self.socket = socket
            reader = RedisReplyReader()
            loop.add(self)
        } catch {
            lose(error as? MillraceError ?? failure("\(error)"))
        }
    }

    private func shakeHands() {
        phase = .handshake
        let handshake = RedisHandshake(options, endpoint, role: role, clock: clock) { [weak self] result in
            guard let self else { return }
            switch result {
            case .success(let greeting): greeted(greeting)
            case .failure(let error): lose(error)
            }
        }
        begin(handshake)
    }

    private func greeted(_ greeting: RedisGreeting) {
        clientID = greeting.clientID
        serverTime = ServerTime(greeting.reading)
        if let reading = greeting.reading { serverClock?.note(reading, from: endpoint) } else { serverClock?.noteRefusal() }
        failures.begun(at: clock.now)
        let check = RedisResend(backlog, after: lostClientIDs, failures: failedChecks) { [weak self] in self?.becomeReady() }
        guard let check else { return becomeReady() }
        phase = .checking
        watch()
        begin(check)
    }

    private func becomeReady() {
        phase = .ready
        lostClientIDs = []
        failedChecks = 0
        watch()
        observers.report(.info, .connected(transport: "redis"))
        firstAttempt.fire()
        let calls = backlog
        backlog = []
        for call in calls { encode(call) }
        flush()
        if phase == .ready { onReady?() }
    }

    // MARK: Losing

    private func lose(_ error: MillraceError) {
        guard phase != .closed else { return }
        guard !isEnding else { return shut(error) }
        let wasReady = phase == .ready
        if phase == .checking { failedChecks += 1 }
        if wasReady, inFlight.contains(where: { $0.call is PublishCall }) { lostClientIDs.append(clientID) }
        disconnect()
        // Calls that go out again keep their place before those that were never sent.
        compact()
        var again: [RedisCall] = []
        for (call, _) in inFlight where call.interrupted(sent: sentBytes - call.outputStart) { again.append(call) }
        inFlight = []
        backlog = again + backlog
        let isFinal = !isPatient || !error.isRetriable || openedAt.duration(to: clock.now) >= options.connectTimeout
        if !firstAttempt.hasFired, isFinal {
            firstError.withLock { $0 = error }
            firstAttempt.fire()
        }
        if !error.isRetriable, !wasReady { failBacklog(error) }
        observers.report(.warning, .disconnected(transport: "redis", error: error))
        phase = .waiting
        let delay = failures.failed(at: clock.now, random: random)
        loop.execute(after: delay, clock: clock) { [weak self] in
            if let self, phase == .waiting { connect() }
        }
        watch()
    }

    private func disconnect() {
        if socket != nil { loop.remove(self) }
        socket?.close()
        socket = nil
        reader = nil
        output.removeAll(keepingUpTo: 1 << 20)
        watchdog?.cancel()
    }

    private func failBacklog(_ error: MillraceError) {
        let calls = backlog
        backlog = []
        for call in calls { call.failed(error) }
    }

    private func shut(_ error: MillraceError) {
        guard phase != .closed else { return }
        disconnect()
        phase = .closed
        compact()
        let calls = inFlight.map(\.call) + backlog
        inFlight = []
        backlog = []
        for call in calls { call.failed(error) }
        takeCalls()
    }

    // MARK: Time-outs

    /// Looks now and then for calls that have waited too long: those that can't be sent fail, those that are not answered mean
    /// that the connection is dead.
    private func watch() {
        watchdog?.cancel()
        watchdog = loop.execute(after: min(.seconds(1), options.commandTimeout / 4), clock: clock) { [weak self] in
            self?.look()
        }
    }

    private func look() {
        guard phase != .closed, phase != .idle else { return }
        let limit = clock.now.advanced(by: .zero - options.commandTimeout)
        if phase == .ready || phase == .checking, answered < inFlight.count {
            let call = inFlight[answered].call
            if call.startedAt < limit.advanced(by: .zero - call.patience) {
                return lose(failure("no answer within \(options.commandTimeout)"))
            }
        }
        if asksForTime, phase == .ready, serverClock?.mustAsk == true { askForTime() }
        if backlog.contains(where: { $0.startedAt < limit }) {
            let late = backlog.filter { $0.startedAt < limit }
            backlog.removeAll { $0.startedAt < limit }
            for call in late {
                call.failed(
                    MillraceError(
                        .deadlineExceeded, "\(endpoint): no connection within \(options.commandTimeout)",
                        isRetriable: true))
            }
        }
        watch()
    }

    private func failure(_ what: String) -> MillraceError {
        MillraceError(.connectionFailed, "\(endpoint): \(what)", isRetriable: true)
    }

    private func protocolError(_ error: RedisReplyReader.Failure) -> MillraceError {
        failure("the server does not speak the protocol of Redis: \(error.text)")
    }
}
