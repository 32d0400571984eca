import Millrace
import MillraceTransportKit

/// Tells the server that a member is at work on all that it holds, and looks from time to time how far its consumer is.
final class NATSKeeper: @unchecked Sendable {
    // Safe to share: used on the loop's thread alone, but for what is guarded by a lock.
    private struct State {
        var ackWait: Duration
        /// When the server was last told.
        var toldAt: ClockInstant
        var downSince: ClockInstant?
        var floor: UInt64
        /// When the consumer was made.
        var created: String
    }

    /// How often to ask the consumer how far it is. The server looks through the requests that wait when it is asked, and drops those
    /// of members that are gone; that has to be done before what these had is handed out again.
    private var lookInterval: Duration { max(.milliseconds(500), min(.seconds(5), state.withLock { $0.ackWait } / 4)) }

    private let connection: NATSConnection
    private let claims: NATSClaims
    private let puller: NATSPuller
    private let jetStream: JetStream
    private let state: Lock<State>
    private var timers: [ScheduledTimer] = []
    private var isStopped = false

    init(_ connection: NATSConnection, _ claims: NATSClaims, _ puller: NATSPuller, _ consumer: ConsumerInfo) {
        self.connection = connection
        self.claims = claims
        self.puller = puller
        jetStream = JetStream(connection)
        state = Lock(
            State(
                ackWait: Self.ackWait(consumer), toldAt: SystemClock.shared.now, downSince: nil,
                floor: consumer.ack_floor.stream_seq, created: consumer.created))
    }

    /// The least time after which the server may hand out a message again.
    private static func ackWait(_ consumer: ConsumerInfo) -> Duration {
        let nanoseconds = (consumer.config.backoff ?? []).min() ?? consumer.config.ack_wait ?? 30_000_000_000
        return .nanoseconds(max(1_000_000, nanoseconds))
    }

    func start() {
        scheduleKeep()
        scheduleLook()
    }

    func stop() {
        isStopped = true
        for timer in timers { timer.cancel() }
    }

    private func scheduleKeep() {
        guard !isStopped else { return }
        let interval = state.withLock { $0.ackWait } / 3
        timers.append(
            connection.loop.execute(after: interval, clock: SystemClock.shared) { [weak self] in
                guard let self, !isStopped else { return }
                timers.removeAll()
                keep()
                scheduleKeep()
            })
    }

    private func scheduleLook() {
        connection.loop.execute(after: lookInterval, clock: SystemClock.shared) { [weak self] in
            guard let self, !isStopped else { return }
            look()
            scheduleLook()
        }
    }

    private func keep() {
        guard let link = connection.link else { return }
        for reply in claims.replies { link.publish(reply, "+WPI" as StaticString) }
        state.withLock { $0.toldAt = SystemClock.shared.now }
    }

    private func look() {
        guard connection.link != nil else { return }
        let (stream, consumer) = puller.source
        jetStream.call("CONSUMER.INFO.\(stream).\(consumer)", nil, "looking at a consumer") {
            [weak self] (result: Result<ConsumerInfo, MillraceError>) in
            guard let self, case .success(let info) = result else { return }
            state.withLock { $0.floor = info.ack_floor.stream_seq }
            puller.pending = Int(messages: info.num_pending)
        }
    }

    /// Up to where all is known to be settled, and when the consumer was made. From any thread.
    var floor: (sequence: UInt64, consumerCreated: String) { state.withLock { ($0.floor, $0.created) } }

    /// Whether the server has not been told for so long that it may have handed out again what this member holds. From any thread.
    var wasSilentTooLong: Bool { state.withLock { $0.toldAt.duration(to: SystemClock.shared.now) >= $0.ackWait } }

    // MARK: Links

    func linkLost() { state.withLock { $0.downSince = SystemClock.shared.now } }

    /// Whether the connection was lost for that long.
    var wasAwayTooLong: Bool {
        state.withLock { state in
            guard let since = state.downSince else { return false }
            return since.duration(to: SystemClock.shared.now) >= state.ackWait
        }
    }

    func linkUp() {
        state.withLock { $0.downSince = nil }
        keep()
    }

    /// The consumer is another one.
    func renewed(_ consumer: ConsumerInfo) {
        state.withLock { state in
            state.ackWait = Self.ackWait(consumer)
            state.floor = consumer.ack_floor.stream_seq
            state.created = consumer.created
        }
    }
}
