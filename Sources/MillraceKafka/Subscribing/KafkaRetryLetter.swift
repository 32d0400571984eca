import Millrace

/// What a message in a topic for retries says of itself.
struct KafkaRetryLetter: Equatable {
    /// The keys that it is said by, and that do not reach handlers.
    static let keys = [MetadataKey.attempt, MetadataKey.retryAt, MetadataKey.retryDelay, MetadataKey.replayGroup]

    /// The number of the attempt that is to come, at least 1.
    let attempt: Int
    /// When that is to be, in milliseconds since 1970 by the clock of whoever has written it.
    let retryAt: Int64
    /// How long it was to wait when it was written, in milliseconds; nil when it does not say.
    let delay: Int64?

    /// Of what others have written, whatever is no number is left out.
    init(_ metadata: Metadata) {
        attempt = max(1, metadata[MetadataKey.attempt].flatMap { Int(attempts: $0) } ?? 1)
        retryAt = metadata[MetadataKey.retryAt].flatMap { Int64($0) } ?? 0
        delay = metadata[MetadataKey.retryDelay].flatMap { Int64($0) }.flatMap { $0 >= 0 ? $0 : nil }
    }

    /// How long it has still to wait; zero when its time has come.
    ///
    /// Writer and reader have clocks of their own, and there is no third one to ask. So the time that was written is believed as far as
    /// the delay makes it likely: nobody waits longer than that since the message was first seen.
    ///
    /// - Parameters:
    ///   - now: The time here, in milliseconds since 1970.
    ///   - waited: For how long the message has been seen here.
    ///   - usual: The delay of the topic that it lies in, for one that does not say its own.
    func wait(now: Int64, waited: Duration, usual: Duration) -> Duration {
        guard retryAt > now else { return .zero }
        let (left, overflow) = retryAt.subtractingReportingOverflow(now)
        let longest = (delay.map { .milliseconds($0) } ?? usual) - waited
        return max(.zero, min(.milliseconds(overflow ? .max : left), longest))
    }
}
