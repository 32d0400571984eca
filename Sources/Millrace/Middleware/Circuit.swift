import Synchronization

/// The circuit of one handler: carries out what its machine decides.
final class Circuit: Sendable {
    /// What observers are told.
    private enum News: Sendable {
        case opened(probeAfter: Duration, error: any Error)
        case halfOpened
        case closed
    }

    private struct State: Sendable {
        var machine: CircuitMachine
        /// Changes that nobody has been told of yet, in their order.
        var untold: [News] = []
        var isTelling = false
    }

    private let handler: HandlerInfo
    private let openFor: Backoff
    private let onStateChange: @Sendable (String, CircuitBreaker.State) -> Void
    private let state: Lock<State>
    /// Lets the messages of a closed circuit begin without the lock.
    private let closed = Atomic<Bool>(true)

    init(
        _ handler: HandlerInfo, machine: CircuitMachine, openFor: Backoff,
        onStateChange: @escaping @Sendable (String, CircuitBreaker.State) -> Void
    ) {
        self.handler = handler
        self.openFor = openFor
        self.onStateChange = onStateChange
        state = Lock(State(machine: machine))
    }

    @inline(__always)
    var isClosed: Bool { closed.load(ordering: .relaxed) }

    /// Whether a message may be handled.
    func admits(_ context: HandlerContext) -> Bool {
        let isAdmitted = state.withLock { $0.machine.admit(ObjectIdentifier(context.slot)) }
        apply()
        return isAdmitted
    }

    @inline(__always)
    func succeeded(_ message: Message, _ context: HandlerContext) {
        let now = context.clock.coarseNow
        state.withLock { state in
            if state.machine.succeeded(message.id, ObjectIdentifier(context.slot), at: now) != nil {
                state.untold.append(.closed)
            }
        }
        if !isClosed { follow() }
    }

    /// The message ended in a way that says nothing about the downstream.
    func ended(_ context: HandlerContext) {
        if isClosed { return }
        state.withLock { $0.machine.ended(ObjectIdentifier(context.slot)) }
        apply()
    }

    /// What becomes of a message that failed, and how long a failed probe stays away.
    func failed(
        _ message: Message, _ error: any Error, _ context: HandlerContext, isTakenCareOf: Bool
    ) -> (verdict: CircuitMachine.Verdict, probeDelay: Duration) {
        let now = context.clock.coarseNow
        let worker = ObjectIdentifier(context.slot)
        let (verdict, delay, round) = state.withLock { state -> (CircuitMachine.Verdict, Duration?, Int) in
            let (verdict, change) =
                isTakenCareOf
                ? state.machine.failedAndHandled(message.id, worker, at: now) : state.machine.failed(message.id, worker, at: now)
            guard case .opened(let openings) = change else { return (verdict, nil, 0) }
            let delay = openFor.delay(after: openings, random: context.random)
            state.untold.append(.opened(probeAfter: delay, error: error))
            return (verdict, delay, state.machine.round)
        }
        guard let delay else { return (verdict, .zero) }
        follow()
        // Nobody has to cancel it: it holds nothing alive, and finds nothing to do once the handler has ended.
        handler.clock.schedule(after: delay) { [weak self] in self?.halfOpen(round: round) }
        return (verdict, delay)
    }

    private func halfOpen(round: Int) {
        state.withLock { state in
            if state.machine.halfOpen(round: round) != nil { state.untold.append(.halfOpened) }
        }
        follow()
    }

    /// Makes changes felt and known.
    private func follow() {
        apply()
        // One after the other, though several threads make changes: whoever is at it tells those of the others as well.
        var isTelling = false
        while let news = nextUntold(&isTelling) { tell(news) }
    }

    private func nextUntold(_ isTelling: inout Bool) -> News? {
        state.withLock { state in
            guard isTelling || !state.isTelling else { return nil }
            isTelling = !state.untold.isEmpty
            state.isTelling = isTelling
            return isTelling ? state.untold.removeFirst() : nil
        }
    }

    private func tell(_ news: News) {
        let name = handler.name
        switch news {
        case .opened(let delay, let error):
            handler.observers.report(.warning, .circuitOpened(handler: name, probeAfter: delay, error: error))
            onStateChange(name, .open)
        case .halfOpened:
            handler.observers.report(.info, .circuitHalfOpened(handler: name))
            onStateChange(name, .halfOpen)
        case .closed:
            handler.observers.report(.info, .circuitClosed(handler: name))
            onStateChange(name, .closed)
        }
    }

    /// Has the handler's control do what the machine wants. Others may do so at the same time: whoever is last to act looks
    /// again, and so sees what is wanted last.
    private func apply() {
        while true {
            let (phase, wantsPause, version) = state.withLock { ($0.machine.phase, $0.machine.wantsPause, $0.machine.version) }
            closed.store(phase == .closed, ordering: .relaxed)
            handler.control.fetchLimit = phase == .closed ? .max : 1
            if wantsPause {
                handler.control.pause(by: .circuitBreaker)
            } else {
                handler.control.resume(by: .circuitBreaker)
            }
            if state.withLock({ $0.machine.version }) == version { return }
        }
    }
}
