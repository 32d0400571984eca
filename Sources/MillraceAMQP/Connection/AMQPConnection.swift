import CRabbitMQ
import Millrace
import MillraceTransportKit

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// A connection to a broker, on a thread of its own: librabbitmq's may be used by one thread only, and its calls to send block
/// while the broker takes nothing.
///
/// Connects again, with growing delays, when it is lost, and hands frames to its channels.
final class AMQPConnection: EventSource, @unchecked Sendable {
    // Safe to share: what is not guarded by a lock of its own is used on the loop's thread alone.
    private enum Phase { case idle, waiting, up, closed }

    /// So many frames are taken before others get their turn.
    private static let burst = 1_024

    let loop: EventLoop
    private let options: AMQPOptions
    private let role: String
    private let clock: any SchedulingClock
    private let observers: AttachableObservers
    private let random: RandomSource
    private var phase = Phase.idle
    private var raw: OpaquePointer?
    /// How often it was up: what fails late must not end another connection than its own.
    private var epoch = 0
    private var members: [any AMQPMember] = []
    private var channels: [AMQPChannel?] = []
    private var touched: [AMQPChannel] = []
    private var failures: FailureStreak
    private var nextServer = 0
    private let first = Signal()
    private let firstError = Lock<MillraceError?>(nil)
    /// Whoever is not on the thread may only cut the connection: that ends a call that blocks.
    private let cut = Lock(Cut())
    private var ticker: ScheduledTimer?
    /// The broker lets nobody publish, because it lacks memory or disk space.
    private(set) var isBlocked = false
    /// Called when that has changed.
    var whenBlocked: (() -> Void)?

    private struct Cut {
        var descriptor: Int32 = -1
        /// Since when a call sends.
        var sendingSince: ClockInstant?
        var frameMaximum = Int(AMQP_DEFAULT_FRAME_SIZE)
        var product = ""
        var version = ""
    }

    init(
        _ options: AMQPOptions, role: String, clock: any SchedulingClock, random: RandomSource, observers: AttachableObservers
    ) throws {
        failures = FailureStreak(.exponential(from: .milliseconds(100), upTo: options.maximumReconnectDelay))
        self.options = options
        self.role = role
        self.clock = clock
        self.random = random
        self.observers = observers
        loop = try EventLoop(name: "millrace-amqp")
    }

    deinit {
        if let raw { amqp_destroy_connection(raw) }
    }

    // MARK: From any thread

    /// Connects, and waits for the first attempt. Throws why it failed.
    func open() async throws {
        loop.execute { [self] in
            guard phase == .idle else { return }
            connect()
            tick()
        }
        try await first.wait()
        if let error = firstError.withLock({ $0 }) { throw error }
    }

    /// Has a member told of this connection from now on.
    func add(_ member: any AMQPMember & Sendable) {
        loop.execute { [self] in
            members.append(member)
            if phase == .up { member.connected() }
        }
    }

    func remove(_ member: any AMQPMember & Sendable) {
        loop.execute { [self] in members.removeAll { $0 === member } }
    }

    /// The largest frame, in bytes, that both sides take.
    var frameMaximum: Int { cut.withLock { $0.frameMaximum } }

    /// What the broker says of itself.
    var broker: BrokerInfo { cut.withLock { BrokerInfo(name: $0.product, version: $0.version) } }

    /// Ends the connection and its thread. What is not done by then fails.
    func close() async {
        let closed = Signal()
        let isAccepted = loop.execute { [self] in
            shut()
            closed.fire()
        }
        // It may be sending to a broker that takes nothing.
        let timer = SystemClock.shared.schedule(after: .seconds(2)) { [weak self] in self?.interrupt() }
        defer { timer.cancel() }
        if isAccepted { await closed.waitUncancellably() }
        loop.stop()
    }

    /// The same without waiting.
    func abandon() {
        loop.execute { [self] in shut() }
        loop.stop()
    }

    /// Cuts the connection under a call that blocks.
    private func interrupt() {
        cut.withLock { cut in
            if cut.descriptor >= 0 { _ = shutdown(cut.descriptor, Int32(SHUT_RDWR)) }
        }
    }

    // MARK: On the thread

    var isUp: Bool { phase == .up }
    var isClosed: Bool { phase == .closed }

    /// Calls `action` soon if the connection is up by then. Otherwise its members are told when it is.
    func whenUp(_ action: @escaping @Sendable () -> Void) {
        loop.execute { [weak self] in if self?.isUp == true { action() } }
    }

    // MARK: Connecting

    private func connect() {
        guard phase != .closed else { return }
        var error: MillraceError?
        for _ in options.servers {
            let server = options.servers[nextServer % options.servers.count]
            do {
                let raw = try AMQPHandshake(options, server, role: role).run()
                return becomeUp(raw)
            } catch let failure as MillraceError {
                error = failure
                nextServer += 1
            } catch {}
        }
        firstError.withLock { if !first.hasFired { $0 = error } }
        first.fire()
        connectLater(after: error)
    }

    private func becomeUp(_ raw: OpaquePointer) {
        self.raw = raw
        epoch += 1
        phase = .up
        failures.begun(at: SystemClock.shared.now)
        isBlocked = false
        channels = []
        let product = AMQPHandshake.property("product", of: raw)
        let version = AMQPHandshake.property("version", of: raw)
        cut.withLock { cut in
            cut.descriptor = amqp_get_sockfd(raw)
            cut.frameMaximum = Int(amqp_get_frame_max(raw))
            (cut.product, cut.version) = (product, version)
        }
        loop.add(self)
        observers.report(.info, .connected(transport: "amqp"))
        for member in members where phase == .up { member.connected() }
        first.fire()
        // Frames may have come with the handshake, and nothing more be on its way.
        again()
    }

    private func connectLater(after error: MillraceError?) {
        guard phase != .closed else { return }
        phase = .waiting
        // At least a little: many who were cut off at once are not to come back at once.
        let delay = max(.milliseconds(10), failures.failed(at: SystemClock.shared.now, random: random))
        loop.execute(after: delay, clock: SystemClock.shared) { [weak self] in
            guard let self, phase == .waiting else { return }
            connect()
        }
    }

    // MARK: The end

    private func lose(_ error: MillraceError) {
        guard phase == .up else { return }
        release()
        observers.report(.warning, .disconnected(transport: "amqp", error: error))
        phase = .waiting
        for channel in channels { channel?.end(error) }
        connectLater(after: error)
    }

    private func shut() {
        guard phase != .closed else { return }
        let wasUp = phase == .up
        phase = .closed
        ticker?.cancel()
        if wasUp { sayGoodbye() }
        release()
        for channel in channels { channel?.end(AMQPError.transportClosed) }
        channels = []
        for member in members { member.ended() }
        members = []
        firstError.withLock { if !first.hasFired { $0 = AMQPError.transportClosed } }
        first.fire()
    }

    /// Without it the broker would complain of a client that vanishes. One that does not answer is not waited for.
    private func sayGoodbye() {
        guard let raw else { return }
        var close = amqp_connection_close_t(reply_code: 200, reply_text: .init(), class_id: 0, method_id: 0)
        var status = withUnsafeMutablePointer(to: &close) { amqp_send_method(raw, 0, AMQP_CONNECTION_CLOSE_METHOD, $0) }
        var frame = amqp_frame_t()
        var patience = timeval(.milliseconds(500))
        while status == AMQP_STATUS_OK.code {
            status = amqp_simple_wait_frame_noblock(raw, &frame, &patience)
            let isMethod = Int32(frame.frame_type) == AMQP_FRAME_METHOD
            if status == AMQP_STATUS_OK.code, isMethod, frame.payload.method.id == AMQP_CONNECTION_CLOSE_OK_METHOD { return }
        }
    }

    private func release() {
        loop.remove(self)
        cut.withLock { $0.descriptor = -1 }
        if let raw { amqp_destroy_connection(raw) }
        raw = nil
    }

    // MARK: Channels

    /// Opens a channel. `completion` is called when the broker has, with an error if it has not.
    func openChannel(
        _ handler: any AMQPChannelHandler, _ completion: @escaping (Result<Void, MillraceError>) -> Void
    ) -> AMQPChannel? {
        guard phase == .up else { return nil }
        let index = channels.firstIndex { $0 == nil } ?? channels.endIndex
        // What was agreed upon; 0 stands for the most there can be.
        let most = raw.map { amqp_get_channel_max($0) } ?? 0
        guard index < (most == 0 ? 65_535 : Int(most)) else { return nil }
        let channel = AMQPChannel(amqp_channel_t(index + 1), of: self, handler)
        if index == channels.endIndex { channels.append(channel) } else { channels[index] = channel }
        channel.call(AMQP_CHANNEL_OPEN_METHOD, amqp_channel_open_t()) { completion($0.map { _ in }) }
        return channel
    }

    func forget(_ channel: AMQPChannel) {
        let index = Int(channel.number) - 1
        if channels.indices.contains(index), channels[index] === channel { channels[index] = nil }
    }

    func send<Method>(on channel: amqp_channel_t, _ id: amqp_method_number_t, _ method: Method) {
        var method = method
        check { raw in withUnsafeMutablePointer(to: &method) { amqp_send_method(raw, channel, id, $0) } }
    }

    /// Calls the library, and gives up the connection if that fails.
    func check(_ body: (OpaquePointer) -> Int32) {
        guard phase == .up, let raw else { return }
        let status = body(raw)
        guard status < 0 else { return }
        // Whoever has called is not to find the ground gone under its feet.
        let error = AMQPError.make(status, role)
        loop.execute { [weak self, epoch] in
            if let self, self.epoch == epoch { lose(error) }
        }
    }

    /// Publishes while `body` says so; the time that this takes is watched.
    func sending(_ body: (OpaquePointer) -> Int32) {
        cut.withLock { $0.sendingSince = SystemClock.shared.coarseNow }
        check(body)
        cut.withLock { $0.sendingSince = nil }
    }

    // MARK: The loop

    var descriptor: Int32 { raw.map { amqp_get_sockfd($0) } ?? -1 }
    var wantsWrite: Bool { false }

    func ready(toRead: Bool, toWrite: Bool) { pump() }

    /// Takes what has come.
    private func pump() {
        var frame = amqp_frame_t()
        var none = timeval()
        defer { endBatch() }
        for _ in 0..<Self.burst {
            guard let raw else { return }
            let status = amqp_simple_wait_frame_noblock(raw, &frame, &none)
            guard status == AMQP_STATUS_OK.code else {
                if status != AMQP_STATUS_TIMEOUT.code { lose(AMQPError.make(status, "the connection is lost")) }
                return
            }
            take(&frame)
        }
        // The rest may have been read from the socket already, which would not wake anybody.
        again()
    }

    private func again() { loop.execute { [weak self] in self?.pump() } }

    private func take(_ frame: inout amqp_frame_t) {
        guard frame.channel > 0 else { return takeOwn(frame) }
        let index = Int(frame.channel) - 1
        guard channels.indices.contains(index), let channel = channels[index] else {
            // Of a channel that was closed meanwhile.
            return releaseBuffers(of: frame.channel)
        }
        if failures.count > 0, isOfUse(frame) { failures.worked() }
        if touched.last !== channel, !touched.contains(where: { $0 === channel }) { touched.append(channel) }
        if channel.take(&frame) { releaseBuffers(of: frame.channel) }
    }

    /// Whether a frame brings a message, or the confirmation of one.
    private func isOfUse(_ frame: amqp_frame_t) -> Bool {
        switch Int32(frame.frame_type) {
        case AMQP_FRAME_HEADER: true
        case AMQP_FRAME_METHOD: frame.payload.method.id == AMQP_BASIC_ACK_METHOD
        default: false
        }
    }

    private func releaseBuffers(of channel: amqp_channel_t) {
        if let raw { amqp_maybe_release_buffers_on_channel(raw, channel) }
    }

    private func takeOwn(_ frame: amqp_frame_t) {
        defer { releaseBuffers(of: 0) }
        guard Int32(frame.frame_type) == AMQP_FRAME_METHOD else { return }
        let reply = AMQPReply(method: frame.payload.method)
        switch frame.payload.method.id {
        case AMQP_CONNECTION_CLOSE_METHOD:
            let close = reply.read(amqp_connection_close_t.self) ?? amqp_connection_close_t()
            let error = AMQPError.closed("the broker has closed the connection", code: close.reply_code, close.reply_text)
            send(on: 0, AMQP_CONNECTION_CLOSE_OK_METHOD, amqp_connection_close_ok_t())
            lose(error)
        case AMQP_CONNECTION_BLOCKED_METHOD:
            let reason = reply.read(amqp_connection_blocked_t.self)?.reason.text ?? ""
            block(true, reason)
        case AMQP_CONNECTION_UNBLOCKED_METHOD: block(false, "")
        default: break
        }
    }

    private func block(_ isBlocked: Bool, _ reason: String) {
        self.isBlocked = isBlocked
        let text =
            isBlocked
            ? "the broker takes no messages for now: \(reason)" : "the broker takes messages again"
        observers.report(.warning, .log(message: text, handler: nil, fields: [("transport", "amqp")]))
        whenBlocked?()
    }

    private func endBatch() {
        guard !touched.isEmpty else { return }
        let batch = touched
        touched.removeAll(keepingCapacity: true)
        for channel in batch { channel.batchEnded() }
    }

    // MARK: Time

    /// Heartbeats go out, and are missed, only while the library is called.
    private func tick() {
        let period = min(.seconds(1), max(.milliseconds(100), options.heartbeat / 4))
        ticker = SystemClock.shared.schedule(after: period) { [weak self] in
            guard let self else { return }
            interruptWhenStuck()
            loop.execute { [weak self] in
                guard let self, phase != .closed else { return }
                pump()
                let now = SystemClock.shared.now
                for member in members { member.tick(now) }
                tick()
            }
        }
    }

    /// A broker that takes nothing and says nothing may do so for ever. On the clock's thread.
    private func interruptWhenStuck() {
        let limit = SystemClock.shared.coarseNow.advanced(by: .zero - options.publishTimeout)
        let isStuck = cut.withLock { cut in cut.sendingSince.map { $0 < limit } ?? false }
        if isStuck { interrupt() }
    }
}
