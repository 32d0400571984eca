import Millrace

/// A message that is to leave at a time.
struct DelayedMessage: Sendable {
    let message: Message
    let topic: String
    /// In milliseconds since 1970, so that it is the same for whoever publishes it in the end.
    let due: Int64

    init(_ message: Message, to topic: String, at due: Int64) {
        self.message = message
        self.topic = topic
        self.due = due
    }

    init(_ message: Message, to topic: String, after delay: Duration, by clock: any SchedulingClock) {
        let due = clock.unixMilliseconds.addingReportingOverflow(delay.nanosecondsClamped / 1_000_000)
        self.init(message, to: topic, at: due.overflow ? .max : due.partialValue)
    }

    func publish(by delays: any DelayedPublisher, _ clock: any SchedulingClock) async throws {
        let delay = due.subtractingReportingOverflow(clock.unixMilliseconds)
        try await delays.publish(message, to: topic, after: .milliseconds(delay.overflow ? .max : max(0, delay.partialValue)))
    }
}
