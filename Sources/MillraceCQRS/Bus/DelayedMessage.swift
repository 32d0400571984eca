import Millrace

/// A message that is to leave at a time.
struct DelayedMessage: Sendable {
    let message: Message
    let topic: String
    /// In milliseconds since 1970, so that it is the same for whoever publishes it in the end.
    let due: Int64
    /// How long it was to wait when it was made, in milliseconds; nil when that is not known. Whoever publishes it waits no longer than
    /// that, even if the clock of whoever has made it was hours ahead.
    let delay: Int64?

    init(_ message: Message, to topic: String, at due: Int64, delay: Int64?) {
        self.message = message
        self.topic = topic
        self.due = due
        self.delay = delay
    }

    init(_ message: Message, to topic: String, after delay: Duration, by clock: any SchedulingClock) {
        let delay = delay.nanosecondsClamped / 1_000_000
        let due = clock.unixMilliseconds.addingReportingOverflow(delay)
        self.init(message, to: topic, at: due.overflow ? .max : due.partialValue, delay: max(0, delay))
    }

    func publish(by delays: any DelayedPublisher, _ clock: any SchedulingClock) async throws {
        let left = due.subtractingReportingOverflow(clock.unixMilliseconds)
        let wait = min(left.overflow ? .max : max(0, left.partialValue), delay ?? .max)
        try await delays.publish(message, to: topic, after: .milliseconds(wait))
    }
}
