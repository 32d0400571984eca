import CRabbitMQ
import Millrace
import MillraceTransportKit

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

    /// Of how many queues it is remembered what they are like. Of others it is found out again, and told again.
    private static let memory = 16_384

    private let connection: AMQPConnection
    private let timeout: Duration
    private let observers: AttachableObservers
    /// Queues that were there, with other arguments than a new one would have.
    private var older: Set<String> = []
    /// Queues of which nobody here can say what they do with messages that come back.
    private var unknown: Set<String> = []
    private var channel: AMQPChannel?
    private var units: [Unit] = []
    private var isRunning = false

    init(_ connection: AMQPConnection, _ options: AMQPOptions, _ observers: AttachableObservers) {
        self.connection = connection
        self.observers = observers
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
        let declarations = unit.declarations.map { prepared($0) }
        guard let last = declarations.last else { return end(unit, .success(())) }
        // All at once: what follows one that fails is not looked at any more, and answered with its reason.
        var failure: MillraceError?
        for declaration in declarations.dropLast() {
            declaration.send(on: channel) { if case .failure(let error) = $0, failure == nil { failure = error } }
        }
        last.send(on: channel) { [weak self] result in
            if case .failure(let error) = result, failure == nil { failure = error }
            self?.end(unit, failure.map { .failure($0) } ?? .success(()))
        }
    }

    // MARK: Queues that are there

    /// What is sent for a declaration: it depends on the broker, and on what is there.
    private func prepared(_ declaration: AMQPDeclaration) -> AMQPDeclaration {
        guard case .queue(let name, let isDurable, let isPassive, let arguments, let returns) = declaration,
            returns != .asDeclared
        else { return declaration }
        let broker = connection.broker
        if isPassive {
            if broker.limitsReturns, returns != .uncounted { noteUnknown(name) }
            return declaration
        }
        let wanted = older.contains(name) ? arguments : returns.arguments(arguments, on: broker)
        return .queue(name: name, isDurable: isDurable, isPassive: false, arguments: wanted)
    }

    /// A queue that was declared by an earlier version, or by somebody else, may have no limit for what comes back, or no dead
    /// letters; only its operator can change that. Returns whether such a queue was found, so that it is worth another try.
    private func noteOlder(in unit: Unit, _ error: MillraceError) -> Bool {
        for case .queue(let name, _, false, _, let returns) in unit.declarations
        where returns.areRefused(by: error) && error.message.contains("for queue '\(name)'") {
            if older.count >= Self.memory { older = [] }
            guard older.insert(name).inserted else { continue }
            warn(
                "queue '\(name)' was there, and may drop messages that come back to it too often: set delivery-limit to -1, or "
                    + "dead-letter-exchange, by a policy of the broker, or have it declared anew", queue: name)
            return true
        }
        return false
    }

    private func noteUnknown(_ name: String) {
        if unknown.count >= Self.memory { unknown = [] }
        guard unknown.insert(name).inserted else { return }
        warn(
            "queue '\(name)' is used as it is: unless it has delivery-limit -1 or a dead-letter exchange, the broker drops messages "
                + "that come back to it 20 times, unhandled ones of members that close among them", queue: name)
    }

    private func warn(_ message: String, queue: String) {
        observers.report(
            .warning, .log(message: message, handler: nil, fields: [("transport", "amqp"), ("queue", .text(queue))]))
    }

    private func end(_ unit: Unit, _ result: Result<Void, MillraceError>) {
        isRunning = false
        if case .failure(let error) = result, error.isRetriable, !connection.isUp, !connection.isClosed {
            // It says the same however often it is said.
            units.insert(unit, at: 0)
        } else if case .failure(let error) = result, noteOlder(in: unit, error) {
            units.insert(unit, at: 0)
        } else {
            unit.completion(result)
        }
        // Not from within: the channel may be about to tell that it is closed.
        connection.loop.execute { [weak self] in self?.runNext() }
    }
}
