import CRabbitMQ
import Millrace

/// Declares things on a channel of its own: the broker closes a channel on which a declaration fails, and nothing else is to go
/// down with it.
final class AMQPDeclarer: AMQPMember, AMQPChannelHandler, @unchecked Sendable {
    // Safe to share: all of it is used on the connection's thread alone.
    typealias Completion = (Result<Void, MillraceError>) -> Void

    private struct Unit {
        let declarations: [AMQPDeclaration]
        let deadline: ClockInstant
        let completion: Completion
    }

    private let connection: AMQPConnection
    private let timeout: Duration
    private var channel: AMQPChannel?
    private var units: [Unit] = []
    private var isRunning = false

    init(_ connection: AMQPConnection, _ options: AMQPOptions) {
        self.connection = connection
        timeout = options.connectTimeout
    }

    // MARK: From any thread

    /// Declares things in order, and returns when they are there. Throws what the broker says, and `connectionFailed` when it can't be
    /// reached within the connect time-out. Cancelling the task ends the wait.
    func declare(_ declarations: [AMQPDeclaration]) async throws {
        let outcome = Outcome()
        declare(declarations) { outcome.end($0) }
        try await outcome.wait()
    }

    private final class Outcome: Sendable {
        private let result = Lock<Result<Void, MillraceError>?>(nil)
        private let isKnown = Signal()

        func end(_ result: Result<Void, MillraceError>) {
            self.result.withLock { $0 = result }
            isKnown.fire()
        }

        func wait() async throws {
            try await isKnown.wait()
            try result.withLock { $0 }?.get()
        }
    }

    /// The same; `completion` is called on the connection's thread.
    func declare(_ declarations: [AMQPDeclaration], _ completion: @escaping @Sendable (Result<Void, MillraceError>) -> Void) {
        let isAccepted = connection.loop.execute { [self] in
            guard !connection.isClosed else { return completion(.failure(AMQPError.transportClosed)) }
            let deadline = SystemClock.shared.now.advanced(by: timeout)
            units.append(Unit(declarations: declarations, deadline: deadline, completion: completion))
            runNext()
        }
        if !isAccepted { completion(.failure(AMQPError.transportClosed)) }
    }

    // MARK: The channel

    func connected() { runNext() }

    /// What was asked for on it has failed already; the next one gets another.
    func closed(_ error: MillraceError) { channel = nil }

    func ended() { failAll(AMQPError.transportClosed) }

    func tick(_ now: ClockInstant) {
        guard !isRunning else { return }
        let late = units.filter { $0.deadline <= now }
        units.removeAll { $0.deadline <= now }
        let error = MillraceError(.connectionFailed, "no connection to the broker within \(timeout)", isRetriable: true)
        for unit in late { unit.completion(.failure(error)) }
    }

    private func failAll(_ error: MillraceError) {
        let all = units
        units = []
        for unit in all { unit.completion(.failure(error)) }
    }

    private func runNext() {
        guard connection.isUp, !isRunning, let unit = units.first else { return }
        units.removeFirst()
        isRunning = true
        if channel == nil { channel = connection.openChannel(self) { _ in } }
        guard let channel else {
            return end(
                unit,
                .failure(MillraceError(.connectionFailed, "the connection has no channel left", isRetriable: true)))
        }
        guard let last = unit.declarations.last else { return end(unit, .success(())) }
        // All at once: what follows one that fails is not looked at any more, and answered with its reason.
        var failure: MillraceError?
        for declaration in unit.declarations.dropLast() {
            declaration.send(on: channel) { if case .failure(let error) = $0, failure == nil { failure = error } }
        }
        last.send(on: channel) { [weak self] result in
            if case .failure(let error) = result, failure == nil { failure = error }
            self?.end(unit, failure.map { .failure($0) } ?? .success(()))
        }
    }

    private func end(_ unit: Unit, _ result: Result<Void, MillraceError>) {
        isRunning = false
        if case .failure(let error) = result, error.isRetriable, !connection.isUp, !connection.isClosed {
            // It says the same however often it is said.
            units.insert(unit, at: 0)
        } else {
            unit.completion(result)
        }
        // Not from within: the channel may be about to tell that it is closed.
        connection.loop.execute { [weak self] in self?.runNext() }
    }
}
