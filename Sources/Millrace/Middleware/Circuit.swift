import Synchronization

/// The circuit of one handler: carries out what its machine decides.
final class Circuit: Sendable {
    private let handler: HandlerInfo
    private let openFor: Backoff
    private let onStateChange: @Sendable (String, CircuitBreaker.State) -> Void
    private let machine: Lock<CircuitMachine>
    /// Lets the messages of a closed circuit begin without the lock.
    private let closed = Atomic<Bool>(true)

    init(
        _ handler: HandlerInfo, machine: CircuitMachine, openFor: Backoff,
        onStateChange: @escaping @Sendable (String, CircuitBreaker.State) -> Void
    ) {
        self.handler = handler
        self.openFor = openFor
        self.onStateChange = onStateChange
        self.machine = Lock(machine)
    }

    @inline(__always)
    var isClosed: Bool { closed.load(ordering: .relaxed) }

    /// Whether a message may be handled.
    func admits(_ context: HandlerContext) -> Bool {
        let isAdmitted = machine.withLock { $0.admit(ObjectIdentifier(context)) }
        apply()
        return isAdmitted
    }

    @inline(__always)
    func succeeded(_ message: Message, _ context: HandlerContext) {
        let now = context.clock.coarseNow
        let change = machine.withLock { $0.succeeded(message.id, ObjectIdentifier(context), at: now) }
        if !isClosed { follow(change) }
    }

    /// The message ended in a way that says nothing about the downstream.
    func ended(_ context: HandlerContext) {
        if isClosed { return }
        machine.withLock { $0.ended(ObjectIdentifier(context)) }
        apply()
    }

    /// What becomes of a message that failed, and how long a failed probe stays away.
    func failed(
        _ message: Message, _ error: any Error, _ context: HandlerContext, isTakenCareOf: Bool
    ) -> (verdict: CircuitMachine.Verdict, probeDelay: Duration) {
        let now = context.clock.coarseNow
        let worker = ObjectIdentifier(context)
        let (verdict, change, round) = machine.withLock { machine in
            let (verdict, change) =
                isTakenCareOf
                ? machine.failedAndHandled(message.id, worker, at: now) : machine.failed(message.id, worker, at: now)
            return (verdict, change, machine.round)
        }
        guard case .opened(let openings) = change else { return (verdict, .zero) }
        let delay = openFor.delay(after: openings, random: context.random)
        handler.observers.report(
            .warning, .circuitOpened(handler: handler.name, probeAfter: delay, error: error))
        follow(change)
        // Nobody has to cancel it: it holds nothing alive, and finds nothing to do once the handler has ended.
        handler.clock.schedule(after: delay) { [weak self] in self?.halfOpen(round: round) }
        return (verdict, delay)
    }

    private func halfOpen(round: Int) {
        follow(machine.withLock { $0.halfOpen(round: round) })
    }

    /// Makes a change felt and known.
    private func follow(_ change: CircuitMachine.Change?) {
        apply()
        switch change {
        case nil: break
        case .opened: onStateChange(handler.name, .open)
        case .halfOpened:
            handler.observers.report(.info, .circuitHalfOpened(handler: handler.name))
            onStateChange(handler.name, .halfOpen)
        case .closed:
            handler.observers.report(.info, .circuitClosed(handler: handler.name))
            onStateChange(handler.name, .closed)
        }
    }

    /// Has the handler's control do what the machine wants. Others may do so at the same time: whoever is last to act looks
    /// again, and so sees what is wanted last.
    private func apply() {
        while true {
            let (phase, wantsPause, version) = machine.withLock { ($0.phase, $0.wantsPause, $0.version) }
            closed.store(phase == .closed, ordering: .relaxed)
            handler.control.fetchLimit = phase == .closed ? .max : 1
            if wantsPause {
                handler.control.pause(by: .circuitBreaker)
            } else {
                handler.control.resume(by: .circuitBreaker)
            }
            if machine.withLock({ $0.version }) == version { return }
        }
    }
}
