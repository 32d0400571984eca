import Millrace

/// Counts occasions and draws the faults of a plan. The same seed and the same order of occasions give the same faults.
final class FaultInjector: Sendable {
    private struct State {
        var plan: FaultPlan
        var counts: [Fault.Occasion: Int] = [:]
        var injected: [Fault: Int] = [:]
    }

    private let state: Lock<State>
    private let random: RandomSource
    let clock: any SchedulingClock

    init(_ plan: FaultPlan, seed: UInt64, clock: any SchedulingClock) {
        state = Lock(State(plan: plan))
        random = RandomSource(seed: seed)
        self.clock = clock
    }

    func use(_ plan: FaultPlan) { state.withLock { $0.plan = plan } }

    func count(of fault: Fault) -> Int { state.withLock { $0.injected[fault] ?? 0 } }

    /// Counts an occasion and returns the faults that happen at it.
    func faults(at occasion: Fault.Occasion) -> [Fault] {
        state.withLock { state in
            state.counts[occasion, default: 0] += 1
            let count = state.counts[occasion] ?? 0
            let faults = state.plan.faults.filter { entry in
                entry.fault.occasion == occasion && entry.trigger.fires(at: count) { random.unit() }
            }.map(\.fault)
            for fault in faults { state.injected[fault, default: 0] += 1 }
            return faults
        }
    }

    static func connectionFailed(_ what: String) -> MillraceError {
        MillraceError(.connectionFailed, "\(what): the connection was cut by a FaultyTransport", isRetriable: true)
    }
}
