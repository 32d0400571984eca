public import Millrace
import Synchronization

/// What a step of a saga knows of its saga and of the message at hand, and how it acts.
///
/// What it publishes and sends is saved together with the saga's state, and leaves after that. When the step throws, nothing is
/// saved, and nothing leaves. A context is for one message, and may be handed to any function, task or actor.
public final class SagaContext: Sendable {
    /// Which saga it is.
    public let key: String
    /// What is known of the message.
    public let context: CQRSContext
    private let hasFinished = Atomic<Bool>(false)
    var isFinished: Bool { hasFinished.load(ordering: .relaxed) }

    init(_ key: String, _ context: CQRSContext) {
        self.key = key
        self.context = context
    }

    /// Logs through the router's observers, with the handler's name.
    public var logger: HandlerLogger { context.logger }

    /// Sends a command when the state is saved. See ``CQRSContext/send(_:key:metadata:)``.
    public func send<C: DomainCommand>(_ command: C, key: String? = nil, metadata: Metadata = .init()) async throws {
        try await context.send(command, key: key, metadata: metadata)
    }

    /// Publishes an event when the state is saved. See ``CQRSContext/publish(_:key:metadata:)``.
    public func publish<E: DomainEvent>(_ event: E, key: String? = nil, metadata: Metadata = .init()) async throws {
        try await context.publish(event, key: key, metadata: metadata)
    }

    /// Sends a command later: a timeout, if the saga has a step for it. It comes also when it is no longer wanted; a saga that has
    /// ended skips it. See ``CQRSContext/send(_:after:key:)``.
    public func send<C: DomainCommand>(_ command: C, after delay: Duration, key: String? = nil) async throws {
        try await context.send(command, after: delay, key: key)
    }

    /// Publishes an event later. See ``CQRSContext/publish(_:after:key:)``.
    public func publish<E: DomainEvent>(_ event: E, after delay: Duration, key: String? = nil) async throws {
        try await context.publish(event, after: delay, key: key)
    }

    /// Ends the saga when the step has returned. Messages that still come for it are skipped.
    public func finish() { hasFinished.store(true, ordering: .relaxed) }
}
