public import Millrace

/// Keeps every event, and lets a test wait for one.
public final class RecordingObserver: Observer {
    private struct Waiter {
        let matches: @Sendable (MillraceEvent) -> Bool
        /// How many events that match are still to come.
        var missing: Int
        let found: Finding
    }

    private struct State {
        var events: [MillraceEvent] = []
        var waiters: [Waiter] = []
        /// The index of the first event that `next` may give.
        var mark = 0
    }

    private final class Finding: Sendable {
        let event = Lock<(index: Int, event: MillraceEvent)?>(nil)
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
            for index in state.waiters.indices where state.waiters[index].matches(event) { state.waiters[index].missing -= 1 }
            let found = state.waiters.filter { $0.missing == 0 }.map(\.found)
            state.waiters.removeAll { $0.missing == 0 }
            for finding in found { finding.event.withLock { $0 = (state.events.count - 1, event) } }
            return found
        }
        for finding in found { finding.signal.fire() }
    }

    /// How many events so far `matches` accepts.
    public func count(where matches: (MillraceEvent) -> Bool) -> Int { events.count(where: matches) }

    /// The first event that `matches` accepts, or the one of a number, of those that were and those to come.
    ///
    /// - Parameters:
    ///   - number: Which of the events that match, from 1, which is the default.
    ///   - limit: How long to wait in real time. Defaults to 60 seconds.
    ///   - matches: Picks the event. Called under a lock: it must not call the observer.
    /// - Throws: A `MillraceError` of code `deadlineExceeded`, or of code `invalidOption` when `number` is less than 1;
    ///   `CancellationError`.
    @discardableResult
    public func event(
        _ number: Int = 1, within limit: Duration = .seconds(60), where matches: @escaping @Sendable (MillraceEvent) -> Bool
    ) async throws -> MillraceEvent {
        try await find(number, from: { _ in 0 }, within: limit, matches).event
    }

    /// The next event that `matches` accepts: of those after the one that `next` gave last, and after the last ``mark()``.
    ///
    /// The first call begins with the first event. For one task at a time.
    ///
    /// - Parameters:
    ///   - limit: How long to wait in real time. Defaults to 60 seconds.
    ///   - matches: Picks the event. Called under a lock: it must not call the observer.
    /// - Throws: A `MillraceError` of code `deadlineExceeded`, or `CancellationError`.
    @discardableResult
    public func next(
        within limit: Duration = .seconds(60), where matches: @escaping @Sendable (MillraceEvent) -> Bool
    ) async throws -> MillraceEvent {
        let (index, event) = try await find(1, from: { $0.mark }, within: limit, matches)
        state.withLock { $0.mark = max($0.mark, index + 1) }
        return event
    }

    /// Lets ``next(within:where:)`` leave out what has happened so far.
    public func mark() { state.withLock { $0.mark = $0.events.count } }

    private func find(
        _ number: Int, from start: (State) -> Int, within limit: Duration, _ matches: @escaping @Sendable (MillraceEvent) -> Bool
    ) async throws -> (index: Int, event: MillraceEvent) {
        guard number >= 1 else { throw MillraceError.invalidOption("number", number, bound: "at least 1", of: "event") }
        let finding = Finding()
        let past = state.withLock { state -> (index: Int, event: MillraceEvent)? in
            var missing = number
            for index in start(state)..<state.events.count where matches(state.events[index]) {
                missing -= 1
                if missing == 0 { return (index, state.events[index]) }
            }
            state.waiters.append(Waiter(matches: matches, missing: missing, found: finding))
            return nil
        }
        if let past { return past }
        defer { state.withLock { $0.waiters.removeAll { $0.found === finding } } }
        try await withTimeLimit(limit, "the event that is waited for") { try await finding.signal.wait() }
        guard let found = finding.event.withLock({ $0 }) else { throw CancellationError() }
        return found
    }
}
