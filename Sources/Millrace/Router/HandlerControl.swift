import Synchronization

/// Stops and starts the fetching of a handler. Several parties may hold it up; it fetches when the last one lets go.
public final class HandlerControl: Sendable {
    /// Who holds a handler up.
    public enum Holder: String, Sendable, Codable, CaseIterable {
        /// ``Router/pause(_:)``.
        case caller
        /// A `FailurePolicy` met an error that needs a person. ``Router/resume(_:)`` ends it.
        case failurePolicy
        /// A `CircuitBreaker` is open.
        case circuitBreaker
    }

    private struct State {
        var holders: Set<Holder> = []
        var onChange: (@Sendable () -> Void)?
    }

    private let state = Lock(State())
    /// The most deliveries that a worker takes at once.
    private let limit = Atomic<Int>(.max)
    /// What was sent back and is not to count as an attempt.
    let excused = ExcusedDeliveries()

    init() {}

    /// Lets the handler fetch nothing. What it has fetched, it handles. Returns whether `holder` did not hold it up before.
    @discardableResult
    public func pause(by holder: Holder) -> Bool { change { $0.insert(holder).inserted } }

    /// Lets the handler fetch again, unless somebody else holds it up. Returns whether `holder` held it up before.
    @discardableResult
    public func resume(by holder: Holder) -> Bool { change { $0.remove(holder) != nil } }

    /// Who holds the handler up; empty when it fetches.
    public var holders: Set<Holder> { state.withLock { $0.holders } }

    /// The most deliveries that one worker takes at once, besides what it finds right by itself; at least 1.
    public var fetchLimit: Int {
        get { limit.load(ordering: .relaxed) }
        set { limit.store(max(1, newValue), ordering: .relaxed) }
    }

    /// Calls `action` after each change of ``holders``. It is to read them itself: calls may overtake each other.
    func whenChanged(_ action: @escaping @Sendable () -> Void) { state.withLock { $0.onChange = action } }

    private func change(_ body: (inout Set<Holder>) -> Bool) -> Bool {
        let (hasChanged, action) = state.withLock { state in (body(&state.holders), state.onChange) }
        if hasChanged { action?() }
        return hasChanged
    }
}
