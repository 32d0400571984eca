import Synchronization

/// Makes ids that are unique, ordered by time, and strictly rising, at a few nanoseconds each.
///
/// One atomic word holds the milliseconds since 1970 and a 20-bit counter below them. It never goes back: when the counter
/// is used up within a millisecond, or the clock steps back, the word runs ahead of the clock. The first 12 bits of the
/// counter go into the UUID's `rand_a`, the other 8 to the top of `rand_b` (RFC 9562, section 6.2, method 1); the 54 bits
/// left are a keyed mix of the word. The ids are unique, not secret: use none as a token.
public final class MessageIDGenerator: Sendable {
    /// The generator behind ``MessageID/next()``.
    public static let shared = MessageIDGenerator()

    private let last: Atomic<UInt64>
    private let key: UInt64
    private let clock: (any SchedulingClock)?

    private init() {
        last = Atomic(0)
        key = .random(in: .min ... .max)
        clock = nil
    }

    /// A generator for tests: with a manual clock and a seed its ids repeat from run to run.
    public init(clock: any SchedulingClock, seed: UInt64) {
        last = Atomic(0)
        key = seed
        self.clock = clock
    }

    /// The next id.
    public func next() -> MessageID {
        let milliseconds = clock?.unixMilliseconds ?? SystemClock.coarseUnixMilliseconds
        let floor = UInt64(truncatingIfNeeded: max(0, milliseconds)) << 20
        var seen = last.load(ordering: .relaxed)
        while true {
            let word = max(seen &+ 1, floor)
            let (won, current) = last.weakCompareExchange(expected: seen, desired: word, ordering: .relaxed)
            if won { return Self.id(of: word, key: key) }
            seen = current
        }
    }

    private static func id(of word: UInt64, key: UInt64) -> MessageID {
        let version: UInt64 = 0x7000
        let variant: UInt64 = 0x8000_0000_0000_0000
        let high = (word >> 20) << 16 | version | (word >> 8) & 0xFFF
        let low = variant | (word & 0xFF) << 54 | mix64(word ^ key) >> 10
        return MessageID(high: high, low: low)
    }
}
