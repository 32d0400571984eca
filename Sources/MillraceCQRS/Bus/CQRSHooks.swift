public import Millrace

/// Calls at the points that every command and event passes.
public struct CQRSHooks: Sendable {
    /// Before a command is sent: sees it and may change its message. What it throws reaches the sender.
    public var onSend: (@Sendable (_ message: inout Message, _ command: any DomainCommand) async throws -> Void)?

    /// Before an event is published: sees it and may change its message. What it throws reaches the publisher.
    public var onPublish: (@Sendable (_ message: inout Message, _ event: any DomainEvent) async throws -> Void)?

    /// Around each call of a handler; in an event group around each of its handlers. The handler runs when `next` is called, which is to be done
    /// once; what is thrown is the handler's failure.
    public var onHandle: (@Sendable (_ value: any TypedMessage, _ context: CQRSContext, _ next: Next) async throws -> Void)?

    /// The handler itself, for ``onHandle``.
    public typealias Next = () async throws -> Void

    /// No calls.
    public init() {}
}
