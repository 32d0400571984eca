import Millrace

/// One handler of an event group: see ``CQRS/group(_:from:options:progress:remembering:_:)``.
public struct OnEvent: Sendable {
    /// What the group knows the handler by; part of what it remembers of a message.
    public let name: String
    let type: any DomainEvent.Type
    let reader: @Sendable (any CodecFamily) -> AnyReader
    let call: @Sendable (any TypedMessage, CQRSContext, CQRS) async throws -> Void

    /// A handler for an event.
    ///
    /// - Parameters:
    ///   - type: The event.
    ///   - name: The handler's name, unique in the group. Defaults to the event's.
    ///   - body: Handles an event. What it publishes and sends through its context leaves when it has returned.
    public init<E: DomainEvent>(
        _ type: E.Type, named name: String? = nil, _ body: @escaping @Sendable (E, CQRSContext) async throws -> Void
    ) {
        self.name = name ?? E.messageName
        self.type = type
        reader = { AnyReader(TypedReader<E>($0)) }
        call = { value, context, cqrs in
            guard let event = value as? E else { return }
            try await cqrs.call(event, context, body)
        }
    }
}

/// Collects the handlers of a group, written one per line.
@resultBuilder
public enum EventGroupBuilder {
    /// One handler.
    public static func buildExpression(_ handler: OnEvent) -> [OnEvent] { [handler] }
    /// A list of handlers.
    public static func buildExpression(_ handlers: [OnEvent]) -> [OnEvent] { handlers }
    /// The lines of a block.
    public static func buildBlock(_ parts: [OnEvent]...) -> [OnEvent] { parts.flatMap { $0 } }
    /// An `if` without `else`.
    public static func buildOptional(_ part: [OnEvent]?) -> [OnEvent] { part ?? [] }
    /// The first branch of an `if`.
    public static func buildEither(first: [OnEvent]) -> [OnEvent] { first }
    /// The second branch of an `if`.
    public static func buildEither(second: [OnEvent]) -> [OnEvent] { second }
    /// A loop.
    public static func buildArray(_ parts: [[OnEvent]]) -> [OnEvent] { parts.flatMap { $0 } }
}
