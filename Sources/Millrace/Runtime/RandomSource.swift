/// A stream of random numbers that several tasks share; seeded, it repeats itself.
///
/// Used for jitter and fault injection. It is not a source of secrets. Algorithm: SplitMix64
/// (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014).
public final class RandomSource: Sendable {
    private let state: Lock<UInt64>

    /// A source whose numbers follow from `seed` alone.
    public init(seed: UInt64) { state = Lock(seed) }

    /// A source seeded by the system.
    public convenience init() { self.init(seed: .random(in: .min ... .max)) }

    /// The next 64 random bits.
    public func next() -> UInt64 {
        state.withLock { state in
            state &+= 0x9E37_79B9_7F4A_7C15
            return mix64(state)
        }
    }

    /// A number in `0 ..< 1`.
    public func unit() -> Double { Double(next() >> 11) * 0x1p-53 }

    /// A duration in `.zero ... maximum`.
    public func duration(upTo maximum: Duration) -> Duration { maximum * unit() }
}

/// The output function of SplitMix64: spreads the bits of a counter over all 64.
@inlinable @inline(__always)
package func mix64(_ value: UInt64) -> UInt64 {
    var z = value
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
}
