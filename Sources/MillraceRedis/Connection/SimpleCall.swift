import Millrace

/// One command whose reply is copied out of the parser's memory by whoever sent it.
final class SimpleCall<Output: Sendable>: RedisCall, @unchecked Sendable {
    private let write: @Sendable (inout RESPWriter) -> Void
    private let read: @Sendable (borrowing RedisReply) throws -> Output
    private let blocking: Duration
    private let isRepeatable: Bool
    private let done: @Sendable (Result<Output, any Error>) -> Void

    /// A command.
    ///
    /// - Parameters:
    ///   - blocking: How long the command itself may wait.
    ///   - isRepeatable: Whether to send it again when the connection was lost before its reply came.
    init(
        blocking: Duration = .zero, isRepeatable: Bool = true, _ write: @escaping @Sendable (inout RESPWriter) -> Void,
        read: @escaping @Sendable (borrowing RedisReply) throws -> Output,
        done: @escaping @Sendable (Result<Output, any Error>) -> Void
    ) {
        self.write = write
        self.read = read
        self.blocking = blocking
        self.isRepeatable = isRepeatable
        self.done = done
    }

    override var patience: Duration { blocking }

    override func encode(into writer: inout RESPWriter) -> Int {
        write(&writer)
        return 1
    }

    override func reply(_ reply: borrowing RedisReply) {
        do {
            done(.success(try read(reply)))
        } catch {
            done(.failure(error))
        }
    }

    override func interrupted(sent: Int) -> Bool {
        if !isRepeatable {
            done(.failure(MillraceError(.connectionFailed, "the connection was lost", isRetriable: true)))
        }
        return isRepeatable
    }

    override func failed(_ error: MillraceError) { done(.failure(error)) }
}

extension RedisConnection {
    /// Sends a command and waits for what `read` makes of its reply. Cancelling the task ends the wait and leaves the
    /// connection as it is.
    func run<Output: Sendable>(
        _ write: @escaping @Sendable (inout RESPWriter) -> Void,
        read: @escaping @Sendable (borrowing RedisReply) throws -> Output
    ) async throws -> Output {
        try await answer { done in SimpleCall(write, read: read, done: done) }
    }

    /// Sends a call and waits for what it calls `done` with. Cancelling the task ends the wait and leaves the connection as it is.
    func answer<Output: Sendable>(
        _ call: (_ done: @escaping @Sendable (Result<Output, any Error>) -> Void) -> RedisCall
    ) async throws -> Output {
        let answer = Answer<Output>()
        send(call { answer.set($0) })
        return try await answer.wait()
    }
}

/// Where an answer is put down for whoever waits for it.
private final class Answer<Output: Sendable>: Sendable {
    private let result = Lock<Result<Output, any Error>?>(nil)
    private let isThere = Signal()

    func set(_ value: Result<Output, any Error>) {
        result.withLock { $0 = value }
        isThere.fire()
    }

    func wait() async throws -> Output {
        try await isThere.wait()
        guard let value = result.withLock({ $0 }) else { throw CancellationError() }
        return try value.get()
    }
}
