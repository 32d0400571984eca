public import Millrace

/// Keeps every event, and lets a test wait for one.
public final class RecordingObserver: Observer {
    private struct State {
        var events: [MillraceEvent] = []
        var waiters: [(matches: @Sendable (MillraceEvent) -> Bool, found: Finding)] = []
    }

    private final class Finding: Sendable {
        let event = Lock<MillraceEvent?>(nil)
        let signal = Signal()
    }

    /// The least severe events that are kept. Defaults to all.
    public let level: EventLevel
    private let state = Lock(State())

    /// An observer that has seen nothing yet.
    public init(level: EventLevel = .trace) { self.level = level }

    /// What has happened so far, in order.
    public var events: [MillraceEvent] { state.withLock { $0.events } }

    /// Keeps an event and wakes whoever waits for it.
    public func observe(_ event: MillraceEvent) {
        let found = state.withLock { state -> [Finding] in
            state.events.append(event)
            let found = state.waiters.filter { $0.matches(event) }.map(\.found)
            state.waiters.removeAll { $0.matches(event) }
            return found
        }
        for finding in found {
            finding.event.withLock { $0 = event }
            finding.signal.fire()
        }
    }

    /// How many events so far `matches` accepts.
    public func count(where matches: (MillraceEvent) -> Bool) -> Int { events.count(where: matches) }

    /// The first event that `matches` accepts, of those that were and those to come.
    ///
    /// - Parameters:
    ///   - limit: How long to wait in real time. Defaults to 60 seconds.
    ///   - matches: Picks the event. Called under a lock: it must not call the observer.
    /// - Throws: A `MillraceError` of code `deadlineExceeded`, or `CancellationError`.
    @discardableResult
    public func event(
        within limit: Duration = .seconds(60), where matches: @escaping @Sendable (MillraceEvent) -> Bool
    ) async throws -> MillraceEvent {
        let finding = Finding()
        let past = state.withLock { state -> MillraceEvent? in
            if let event = state.events.first(where: matches) { return event }
            state.waiters.append((matches, finding))
            return nil
        }
        if let past { return past }
        defer { state.withLock { $0.waiters.removeAll { $0.found === finding } } }
        try await withTimeLimit(limit, "the event that is waited for") { try await finding.signal.wait() }
        guard let event = finding.event.withLock({ $0 }) else { throw CancellationError() }
        return event
    }
}
