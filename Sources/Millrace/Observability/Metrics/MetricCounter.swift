import Synchronization

/// A number that only rises. Made by ``MetricsRegistry/counter(_:help:labels:)``.
///
/// Adding to it is one atomic addition without a lock.
public final class MetricCounter: Sendable {
    private let total = Atomic<Int>(0)
    private let forward: (@Sendable (Int) -> Void)?

    init(forwardingTo forward: (@Sendable (Int) -> Void)? = nil) { self.forward = forward }

    /// Adds to the count. A negative `amount` is ignored.
    public func increment(by amount: Int = 1) {
        guard amount > 0 else { return }
        total.wrappingAdd(amount, ordering: .relaxed)
        forward?(amount)
    }

    /// The count so far.
    public var value: Int { total.load(ordering: .relaxed) }
}
