import Millrace

/// Asks the server what time it is.
final class TimeCall: RedisCall, @unchecked Sendable {
    private let clock: any SchedulingClock
    private let isRepeatable: Bool
    private let done: @Sendable (Result<TimeReading, any Error>) -> Void
    /// On the loop alone.
    private var asked = ClockInstant(nanoseconds: 0)

    /// - Parameters:
    ///   - isRepeatable: Whether to ask again when the connection was lost before the answer came.
    ///   - done: Called on the loop, if the server has answered; with a `ServerError` for what is no time.
    init(
        by clock: any SchedulingClock, isRepeatable: Bool, _ done: @escaping @Sendable (Result<TimeReading, any Error>) -> Void
    ) {
        self.clock = clock
        self.isRepeatable = isRepeatable
        self.done = done
    }

    /// What a server says instead of the time.
    struct ServerError: Error {
        let text: String
    }

    override func encode(into writer: inout RESPWriter) -> Int {
        asked = clock.now
        writer.command(arguments: 1)
        writer.bulk("TIME")
        return 1
    }

    override func reply(_ reply: borrowing RedisReply) {
        if let time = TimeReading.milliseconds(in: reply) {
            done(.success(TimeReading(time, asked: asked, by: clock)))
        } else {
            done(.failure(ServerError(text: reply.error ?? "its answer is no time")))
        }
    }

    override func interrupted(sent: Int) -> Bool {
        if !isRepeatable { done(.failure(MillraceError(.connectionFailed, "the connection was lost", isRetriable: true))) }
        return isRepeatable
    }

    override func failed(_ error: MillraceError) { done(.failure(error)) }
}
