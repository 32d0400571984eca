import Synchronization

/// A number that only rises. Made by ``MetricsRegistry/counter(_:help:labels:)``.
///
/// Adding to it is one atomic addition without a lock.
public final class MetricCounter: Sendable {
    private let total = Atomic<Int>(0)

    init() {}

    /// Adds to the count. A negative `amount` is ignored.
    public func increment(by amount: Int = 1) {
        if amount > 0 { total.wrappingAdd(amount, ordering: .relaxed) }
    }

    /// The count so far.
    public var value: Int { total.load(ordering: .relaxed) }
}
