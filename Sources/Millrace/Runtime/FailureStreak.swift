/// Failures in a row of something that is begun again and again, such as a connection or a subscription, and the pauses after them.
///
/// That it could be begun is no sign of health: a server may accept a connection only to drop it at once, and would be asked again
/// without a pause. So a row ends when what was begun has been of use, where that can be told, or has lasted as long as the pause that it
/// took: whatever breaks again and again is waited for at least as long as it works.
package struct FailureStreak: Sendable {
    private let backoff: Backoff
    /// How many there were in a row.
    package private(set) var count = 0
    private var begunAt: ClockInstant?

    /// No failure so far; the pauses are those of `backoff`.
    package init(_ backoff: Backoff) { self.backoff = backoff }

    /// It works, for now.
    package mutating func begun(at now: ClockInstant) { begunAt = now }

    /// It has been of use: work was done with it.
    package mutating func worked() { count = 0 }

    /// It has failed, or could not be begun. Returns how long to wait.
    package mutating func failed(at now: ClockInstant, random: RandomSource) -> Duration {
        // Before jitter: a short pause by chance is not to end a row.
        if let begunAt, begunAt.duration(to: now) >= backoff.nominalDelay(after: max(1, count)) { count = 0 }
        begunAt = nil
        count += 1
        return backoff.delay(after: count, random: random)
    }
}
