import Synchronization

/// Durations, counted by size. Made by ``MetricsRegistry/histogram(_:help:buckets:labels:)``.
///
/// Recording is two atomic additions without a lock, however many equal values are recorded at once.
public final class MetricHistogram: Sendable {
    /// What the OpenTelemetry conventions for messaging advise: from 5 milliseconds to 10 seconds.
    public static let defaultBuckets: [Duration] = [
        .milliseconds(5), .milliseconds(10), .milliseconds(25), .milliseconds(50), .milliseconds(75), .milliseconds(100),
        .milliseconds(250), .milliseconds(500), .milliseconds(750), .seconds(1), .milliseconds(2_500), .seconds(5),
        .milliseconds(7_500), .seconds(10),
    ]

    /// The upper bounds of all buckets but the last, in nanoseconds.
    let bounds: [Int64]
    private let storage: HistogramStorage
    private let sum = Atomic<Int64>(0)
    private let forward: (@Sendable (Int64, Int) -> Void)?

    init(bounds: [Int64], forwardingTo forward: (@Sendable (Int64, Int) -> Void)? = nil) {
        self.bounds = bounds
        self.forward = forward
        storage = HistogramStorage(bounds)
    }

    /// Records a duration, `count` times. Negative durations count as zero.
    public func record(_ duration: Duration, count: Int = 1) {
        record(nanoseconds: duration.nanosecondsClamped, count: count)
    }

    /// Records a duration in nanoseconds, `count` times. Negative durations count as zero.
    public func record(nanoseconds: Int64, count: Int = 1) {
        guard count > 0 else { return }
        let value = max(0, nanoseconds)
        storage.add(count, at: value)
        sum.wrappingAdd(value &* Int64(count), ordering: .relaxed)
        forward?(value, count)
    }

    /// What was recorded so far. Taken while others record, the sum may be that of a moment earlier or later.
    public var distribution: MetricDistribution {
        var total = 0
        var buckets: [MetricDistribution.Bucket] = []
        for (index, count) in storage.counts.enumerated() {
            total += count
            let bound = index < bounds.count ? Double(bounds[index]) / 1e9 : .infinity
            buckets.append(.init(upTo: bound, count: total))
        }
        return MetricDistribution(buckets: buckets, sum: Double(sum.load(ordering: .relaxed)) / 1e9)
    }

    /// The bounds in nanoseconds. Throws a ``MillraceError`` of code `invalidOption` unless they rise from above zero.
    static func bounds(of buckets: [Duration], for name: String) throws -> [Int64] {
        guard !buckets.isEmpty else {
            throw MillraceError.invalidOption("buckets", "empty", bound: "at least one", of: "metric '\(name)'")
        }
        var bounds: [Int64] = []
        for bucket in buckets {
            let bound = bucket.nanosecondsClamped
            guard bound > bounds.last ?? 0 else {
                throw MillraceError.invalidOption(
                    "buckets", buckets, bound: "above zero and each above the one before", of: "metric '\(name)'")
            }
            bounds.append(bound)
        }
        return bounds
    }
}

/// A histogram's bounds and counts, without the checks of arrays.
private final class HistogramStorage: @unchecked Sendable {
    // Safe to share: the pointers and the bounds do not change, the counts are atomic.
    private let bounds: UnsafeMutablePointer<Int64>
    private let buckets: UnsafeMutablePointer<Atomic<Int>>
    private let count: Int

    init(_ values: [Int64]) {
        count = values.count
        bounds = .allocate(capacity: count)
        buckets = .allocate(capacity: count + 1)
        for (index, value) in values.enumerated() { (bounds + index).initialize(to: value) }
        for index in 0...count { (buckets + index).initialize(to: Atomic(0)) }
    }

    deinit {
        buckets.deinitialize(count: count + 1)
        buckets.deallocate()
        bounds.deallocate()
    }

    @inline(__always)
    func add(_ amount: Int, at value: Int64) {
        var index = 0
        while index < count, bounds[index] < value { index &+= 1 }
        buckets[index].wrappingAdd(amount, ordering: .relaxed)
    }

    /// The count of each bucket by itself.
    var counts: [Int] { (0...count).map { buckets[$0].load(ordering: .relaxed) } }
}
