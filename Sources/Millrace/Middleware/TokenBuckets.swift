/// Token buckets by key, and the tokens that are kept for messages until they come back.
final class TokenBuckets: Sendable {
    /// Who a token is kept for.
    struct Holder: Hashable {
        let handler: String
        let id: MessageID
    }

    /// When a message can be handled.
    enum Answer {
        case now
        /// After a wait in place. The token goes back to the bucket if the wait is broken off.
        case here(Duration, TokenBucket)
        /// When the transport has brought it back.
        case later(Duration)
    }

    private struct State {
        var buckets: [String: TokenBucket] = [:]
        /// When tokens are due that messages will come back for.
        var kept: [Holder: ClockInstant] = [:]
        /// How many buckets there may be before those that are full are looked for.
        var sweepAt = 64
        /// Until then looking again would find little.
        var nextSweep = ClockInstant(nanoseconds: .min)
    }

    static let maximumKept = 65_536

    private let interval: Int64
    private let burst: Int
    private let maximumKeys: Int
    /// For keys beyond the maximum.
    private let shared: TokenBucket
    private let state = Lock(State())

    init(interval: Int64, burst: Int, maximumKeys: Int) {
        self.interval = max(1, interval)
        self.burst = burst
        self.maximumKeys = maximumKeys
        shared = TokenBucket(interval: interval, burst: burst)
    }

    var count: Int { state.withLock { $0.buckets.count } }

    /// Takes a token for a message, or finds the one that was kept for it. A wait of more than `limit` is not to be in place.
    func take(_ key: String, for holder: Holder, at now: ClockInstant, waitingUpTo limit: Duration?) -> Answer {
        state.withLock { state in
            let bucket = bucket(key, &state, at: now)
            let delay: Duration
            if let due = state.kept[holder] {
                delay = max(.zero, now.duration(to: due))
            } else {
                delay = bucket.take(at: now)
            }
            guard let limit, delay > limit else {
                state.kept[holder] = nil
                return delay > .zero ? .here(delay, bucket) : .now
            }
            if state.kept[holder] == nil {
                if state.kept.count < Self.maximumKept {
                    state.kept[holder] = now.advanced(by: delay)
                } else {
                    bucket.putBack()
                }
            }
            return .later(delay)
        }
    }

    private func bucket(_ key: String, _ state: inout State, at now: ClockInstant) -> TokenBucket {
        if let bucket = state.buckets[key] { return bucket }
        if state.buckets.count >= min(state.sweepAt, maximumKeys), now >= state.nextSweep {
            state.buckets = state.buckets.filter { !$0.value.isFull(at: now) }
            state.sweepAt = max(64, state.buckets.count * 2)
            state.nextSweep = now.advanced(by: .nanoseconds(interval))
        }
        guard state.buckets.count < maximumKeys else { return shared }
        let bucket = TokenBucket(interval: interval, burst: burst)
        state.buckets[key] = bucket
        return bucket
    }
}
