import Millrace
import MillraceTransportKit

/// Puts what has come into a member's buffer, in its order, as soon as it is known how often each message has been tried.
/// On the loop.
final class ArrivalQueue: @unchecked Sendable {
    // Safe to share: used on the loop's thread alone.
    private let claims: NATSClaims
    private let attempts: NATSAttempts?
    private let buffer: DeliveryBuffer
    private let loop: EventLoop
    /// How often a message may be handed out.
    private let limit: Int
    private let source: () -> (stream: String, consumer: String)
    private var waiting: [Incoming] = []
    private var isLooking = false
    private var ended: [Signal] = []
    /// Called when all that waited is in the buffer.
    var onEmpty: (() -> Void)?
    /// Gets what was handed out more often than it may be.
    var onSpent: ((DeliveryBuffer.Entry) -> Void)?

    init(
        _ claims: NATSClaims, _ attempts: NATSAttempts?, _ buffer: DeliveryBuffer, _ loop: EventLoop, limit: Int?,
        source: @escaping () -> (stream: String, consumer: String)
    ) {
        self.claims = claims
        self.attempts = attempts
        self.buffer = buffer
        self.loop = loop
        self.limit = limit ?? .max
        self.source = source
    }

    /// Takes messages. Returns how many are not in the buffer yet.
    func take(_ messages: [Incoming]) -> Int {
        if isLooking { waiting += messages } else { work(messages) }
        return waiting.count
    }

    private func work(_ messages: [Incoming]) {
        let arrivals = claims.arrive(messages)
        var foreign: [(sequence: UInt64, time: UInt64)] = []
        for (message, arrival) in zip(messages, arrivals) {
            if case .foreign = arrival { foreign.append((message.ack.sequence, message.ack.time)) }
        }
        guard !foreign.isEmpty, let attempts else { return put(messages, arrivals, [:]) }
        isLooking = true
        // Counted as waiting until then.
        waiting = messages
        attempts.look(for: foreign, source()) { [weak self, loop] excused in
            loop.execute { [weak self] in self?.found(messages, arrivals, excused) }
        }
    }

    private func found(_ messages: [Incoming], _ arrivals: [NATSClaims.Arrival], _ excused: [UInt64: Int]) {
        isLooking = false
        let more = Array(waiting.dropFirst(messages.count))
        waiting = []
        put(messages, arrivals, excused)
        if !more.isEmpty { work(more) }
        guard waiting.isEmpty else { return }
        onEmpty?()
        let signals = ended
        ended = []
        for signal in signals { signal.fire() }
    }

    /// Waits until all that has come is in the buffer. From any thread.
    func waitUntilEmpty() async {
        let done = Signal()
        let isAccepted = loop.execute { [self] in if isLooking { ended.append(done) } else { done.fire() } }
        if isAccepted { await done.waitUncancellably() }
    }

    private func put(_ messages: [Incoming], _ arrivals: [NATSClaims.Arrival], _ excused: [UInt64: Int]) {
        var fresh: [DeliveryBuffer.Entry] = []
        var returned: [DeliveryBuffer.Entry] = []
        fresh.reserveCapacity(messages.count)
        for (message, arrival) in zip(messages, arrivals) {
            func entry(_ attempt: Int) -> DeliveryBuffer.Entry {
                DeliveryBuffer.Entry(message: message.message, attempt: attempt, position: message.position)
            }
            switch arrival {
            case .known: continue
            case .fresh: fresh.append(entry(1))
            case .returned(let attempt): returned.append(entry(attempt))
            case .foreign:
                returned.append(entry(max(1, message.ack.delivered - (excused[message.ack.sequence] ?? 0))))
            }
        }
        let spent = returned.filter { $0.attempt > limit }
        if !spent.isEmpty {
            returned.removeAll { $0.attempt > limit }
            for entry in spent { onSpent?(entry) }
        }
        if !returned.isEmpty { _ = buffer.arriveClaimed(returned) }
        if !fresh.isEmpty { buffer.arrive(fresh) }
    }
}
