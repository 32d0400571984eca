/// Counts outcomes of the last so many seconds, in buckets: what is older drops out a tenth of the window at a time.
struct RollingWindow: Sendable {
    private struct Bucket {
        var outcomes = 0
        var failures = 0
    }

    private static let bucketCount: Int64 = 10

    /// Nanoseconds.
    private let bucketLength: Int64
    private var buckets = [Bucket](repeating: Bucket(), count: Int(bucketCount))
    /// The number of the current bucket, counted from the clock's origin.
    private var current = Int64.min
    private(set) var outcomes = 0
    private(set) var failures = 0

    init(_ length: Duration) {
        bucketLength = max(1, length.nanosecondsClamped / Self.bucketCount)
    }

    /// The failures among the outcomes, 0 to 1.
    var failureShare: Double { outcomes == 0 ? 0 : Double(failures) / Double(outcomes) }

    mutating func add(isFailure: Bool, at now: ClockInstant) {
        advance(to: now)
        let index = Int(current % Self.bucketCount)
        buckets[index].outcomes += 1
        outcomes += 1
        guard isFailure else { return }
        buckets[index].failures += 1
        failures += 1
    }

    /// Drops what has become too old.
    mutating func advance(to now: ClockInstant) {
        let number = max(0, now.nanoseconds) / bucketLength
        guard number > current else { return }
        let first = current == .min ? number - Self.bucketCount + 1 : max(current + 1, number - Self.bucketCount + 1)
        for stale in first...number {
            let index = Int((stale + Self.bucketCount) % Self.bucketCount)
            outcomes -= buckets[index].outcomes
            failures -= buckets[index].failures
            buckets[index] = Bucket()
        }
        current = number
    }
}
