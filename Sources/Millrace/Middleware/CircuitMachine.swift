/// What a circuit breaker knows and decides. A pure state machine, under the circuit's lock.
///
/// Whether a failure is the message's fault or an outage shows only in how *other* messages fare. So a message counts once,
/// however often it fails, and the first failure of a message is never taken for a verdict on it.
struct CircuitMachine: Sendable {
    /// What happens to a message that failed.
    enum Verdict: Equatable {
        /// The message is bad: the failure goes outward.
        case outward
        /// Can't tell: the message comes back after a while. The number of the failure, from 1.
        case hold(Int)
        /// It had the bad luck to be handled while the downstream was away: goes back to its old place.
        case handBack
        /// It failed as a probe: it stays away for so many open times, so that another message is the next probe.
        case stepAside(Int)
    }

    /// What changes for the outside.
    enum Change: Equatable {
        /// How often in a row the circuit has opened without closing, from 1.
        case opened(Int)
        case halfOpened
        case closed
    }

    /// What is known of a message that has failed and not succeeded since.
    private struct Held {
        var round: Int
        /// How often it failed in this round.
        var failures = 0
        /// How often it was held back in this round.
        var holds = 0
        /// How many messages had succeeded when it failed last.
        var successes: Int
        /// Whether others have ever succeeded between two failures of this one.
        var sawOthersSucceed = false
    }

    /// Failures with no success between them.
    private struct Streak {
        var count = 0
        var first: MessageID?
        var isMixed = false
        var last = ClockInstant(nanoseconds: 0)
    }

    static let maximumHeld = 10_000
    /// How many different messages take turns as probes before the first comes again.
    static let maximumProbed = 8

    private(set) var phase = CircuitBreaker.State.closed
    /// Rises with each change of what is wanted of the handler.
    private(set) var version = 0
    /// Rises with each opening; what was held before an outage starts anew after it.
    private(set) var round = 0

    private let window: Duration
    private let minimumCount: Int
    private let failureShare: Double
    private let patience: Int
    private let probes: Int

    private var outcomes: RollingWindow
    private var streak = Streak()
    private var successes = 0
    private var held: [MessageID: Held] = [:]
    private var openings = 0
    private var probe: ObjectIdentifier?
    private var probesPassed = 0
    private var probed: Set<MessageID> = []

    init(window: Duration, minimumCount: Int, failureShare: Double, patience: Int, probes: Int) {
        self.window = window
        self.minimumCount = minimumCount
        self.failureShare = failureShare
        self.patience = patience
        self.probes = probes
        outcomes = RollingWindow(window)
    }

    /// Whether the handler is to fetch nothing: always while the circuit is open, and while a probe is under way.
    var wantsPause: Bool { phase == .open || phase == .halfOpen && probe != nil }

    // MARK: Admit

    /// Whether a message may be handled. `worker` is who asks, one message at a time.
    mutating func admit(_ worker: ObjectIdentifier) -> Bool {
        switch phase {
        case .closed: return true
        case .open: return false
        case .halfOpen:
            guard probe == nil || probe == worker else { return false }
            if probe == nil { version += 1 }
            probe = worker
            return true
        }
    }

    /// The time of being open is over, unless something else has happened since.
    mutating func halfOpen(round: Int) -> Change? {
        guard phase == .open, round == self.round else { return nil }
        phase = .halfOpen
        version += 1
        probesPassed = 0
        return .halfOpened
    }

    // MARK: Conclude

    mutating func succeeded(_ id: MessageID, _ worker: ObjectIdentifier, at now: ClockInstant) -> Change? {
        successes &+= 1
        if !held.isEmpty { held[id] = nil }
        if streak.count > 0 || streak.first != nil { streak = Streak() }
        switch phase {
        case .closed:
            outcomes.add(isFailure: false, at: now)
            return nil
        case .open: return nil
        case .halfOpen:
            guard probe == worker else { return nil }
            probe = nil
            version += 1
            probesPassed += 1
            guard probesPassed >= probes else { return nil }
            phase = .closed
            openings = 0
            probed.removeAll()
            outcomes = RollingWindow(window)
            return .closed
        }
    }

    /// The message ended in a way that says nothing about the downstream.
    mutating func ended(_ worker: ObjectIdentifier) {
        guard phase == .halfOpen, probe == worker else { return }
        probe = nil
        version += 1
    }

    mutating func failed(_ id: MessageID, _ worker: ObjectIdentifier, at now: ClockInstant) -> (Verdict, Change?) {
        switch phase {
        case .open:
            keep(noted(id), of: id)
            return (.handBack, nil)
        case .halfOpen:
            keep(noted(id), of: id)
            guard probe == worker else { return (.handBack, nil) }
            if probed.count < Self.maximumProbed { probed.insert(id) }
            return (.stepAside(probed.count), open())
        case .closed: return failedWhileClosed(id, at: now)
        }
    }

    private mutating func failedWhileClosed(_ id: MessageID, at now: ClockInstant) -> (Verdict, Change?) {
        var entry = noted(id)
        keep(entry, of: id)
        if trips(id, isNew: entry.failures == 1, at: now) { return (.handBack, open()) }
        // Others succeed, before and after, and not only now and then: it is the message.
        var isBad = entry.failures > 1 && entry.sawOthersSucceed && outcomes.outcomes >= minimumCount
        if !isBad, entry.holds >= patience {
            // Others fail as well, and none has succeeded: it is not the message.
            guard entry.sawOthersSucceed || !streak.isMixed else { return (.handBack, open()) }
            isBad = true
        }
        if isBad {
            held[id] = nil
            return (.outward, nil)
        }
        entry.holds += 1
        keep(entry, of: id)
        return (.hold(entry.failures), nil)
    }

    /// A message failed that somebody else has taken care of: it counts, but nothing is to be done about it.
    mutating func failedAndHandled(
        _ id: MessageID, _ worker: ObjectIdentifier, at now: ClockInstant
    ) -> (Verdict, Change?) {
        guard phase == .closed else { return failed(id, worker, at: now) }
        let entry = noted(id)
        keep(entry, of: id)
        return (.outward, trips(id, isNew: entry.failures == 1, at: now) ? open() : nil)
    }

    /// What is known of a message that has just failed.
    private func noted(_ id: MessageID) -> Held {
        var entry = held[id] ?? Held(round: round, successes: successes)
        if entry.round != round {
            entry.round = round
            entry.failures = 0
            entry.holds = 0
        }
        entry.failures += 1
        if entry.successes != successes { entry.sawOthersSucceed = true }
        entry.successes = successes
        return entry
    }

    /// Counts a failure, if it is the message's first in this round. Returns whether the circuit is to open.
    private mutating func trips(_ id: MessageID, isNew: Bool, at now: ClockInstant) -> Bool {
        // What failed long ago says nothing about now.
        if streak.first != nil, streak.last.duration(to: now) > window * 10 { streak = Streak() }
        streak.last = now
        if streak.first == nil { streak.first = id } else if streak.first != id { streak.isMixed = true }
        guard isNew else {
            outcomes.advance(to: now)
            return false
        }
        outcomes.add(isFailure: true, at: now)
        streak.count += 1
        return streak.count >= minimumCount
            || outcomes.outcomes >= minimumCount && outcomes.failureShare >= failureShare
    }

    private mutating func keep(_ entry: Held, of id: MessageID) {
        if held.count >= Self.maximumHeld, held[id] == nil, let any = held.keys.first { held[any] = nil }
        held[id] = entry
    }

    private mutating func open() -> Change {
        phase = .open
        version += 1
        round += 1
        openings += 1
        probe = nil
        streak = Streak()
        return .opened(openings)
    }
}
