import Synchronization

/// A number that rises and falls. Made by ``MetricsRegistry/gauge(_:help:labels:)``.
///
/// Setting it is one atomic store without a lock.
public final class MetricGauge: Sendable {
    private let bits = Atomic<UInt64>(0)

    private let forward: (@Sendable (Double) -> Void)?

    init(forwardingTo forward: (@Sendable (Double) -> Void)? = nil) { self.forward = forward }

    /// The present value; 0 at first.
    public var value: Double { Double(bitPattern: bits.load(ordering: .relaxed)) }

    /// Replaces the value.
    public func set(_ value: Double) {
        bits.store(value.bitPattern, ordering: .relaxed)
        forward?(value)
    }

    /// Adds to the value; a negative amount lowers it.
    public func add(_ amount: Double) {
        var current = bits.load(ordering: .relaxed)
        while true {
            let sum = Double(bitPattern: current) + amount
            let (exchanged, original) = bits.weakCompareExchange(
                expected: current, desired: sum.bitPattern, ordering: .relaxed)
            if exchanged {
                forward?(sum)
                return
            }
            current = original
        }
    }
}
