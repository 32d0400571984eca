/// What a saga does about one type of message.
///
/// Made by ``StartOn`` and ``ContinueOn``.
struct SagaStep<State: Codable & Sendable>: Sendable {
    enum Kind: Sendable { case start, proceed }

    /// Runs the step; the state is nil before a saga begins.
    typealias Body = @Sendable (any TypedMessage, inout State?, CQRS, SagaContext) async throws -> Void

    let kind: Kind
    let type: any TypedMessage.Type
    let reader: @Sendable (any CodecFamily) -> AnyReader
    /// Which saga a message belongs to; nil when it does not say.
    let correlate: @Sendable (any TypedMessage) -> String?
    let body: Body

    init<Value: TypedMessage>(
        _ kind: Kind, _ type: Value.Type, _ correlate: @escaping @Sendable (Value) -> String?,
        _ body: @escaping @Sendable (Value, inout State?, SagaContext) async throws -> Void
    ) {
        self.kind = kind
        self.type = type
        reader = { AnyReader(TypedReader<Value>($0)) }
        self.correlate = { ($0 as? Value).flatMap(correlate) }
        self.body = { value, state, cqrs, saga in
            guard let value = value as? Value else { return }
            var changed = state
            try await cqrs.call(value, saga.context) { value, _ in try await body(value, &changed, saga) }
            state = changed
        }
    }
}

/// The message that a saga begins with: see ``CQRS/saga(_:of:in:options:_:)``.
public struct StartOn<State: Codable & Sendable>: Sendable {
    let step: SagaStep<State>

    /// Begins a saga.
    ///
    /// A message for a saga that has begun already goes to the ``ContinueOn`` of its type, if there is one; otherwise it is
    /// skipped, and counted in ``CQRSStatistics/lateSagaMessages``.
    ///
    /// - Parameters:
    ///   - type: The message.
    ///   - correlation: Which saga it belongs to: 1 to 1,024 bytes, unique among the sagas of the handler. A message without one, nil
    ///     or empty, is rejected.
    ///   - body: Returns the state that the saga begins with.
    public init<Value: TypedMessage>(
        _ type: Value.Type, by correlation: @escaping @Sendable (Value) -> String?,
        _ body: @escaping @Sendable (Value, SagaContext) async throws -> State
    ) {
        step = SagaStep(.start, type, correlation) { value, state, saga in
            state = try await body(value, saga)
        }
    }
}

/// A message that a saga goes on with: see ``CQRS/saga(_:of:in:options:_:)``.
public struct ContinueOn<State: Codable & Sendable>: Sendable {
    let step: SagaStep<State>

    /// Goes on with a saga.
    ///
    /// - Parameters:
    ///   - type: The message: an event, a command, or a timeout that the saga has sent to itself.
    ///   - correlation: Which saga it belongs to. See ``StartOn``.
    ///   - body: Changes the state.
    public init<Value: TypedMessage>(
        _ type: Value.Type, by correlation: @escaping @Sendable (Value) -> String?,
        _ body: @escaping @Sendable (Value, inout State, SagaContext) async throws -> Void
    ) {
        step = SagaStep(.proceed, type, correlation) { value, state, saga in
            guard var changed = state else { return }
            try await body(value, &changed, saga)
            state = changed
        }
    }
}

/// Collects the steps of a saga, written one per line.
@resultBuilder
public enum SagaBuilder<State: Codable & Sendable> {
    /// Some steps of a saga.
    public struct Steps: Sendable {
        let steps: [SagaStep<State>]
    }

    /// What the saga begins with.
    public static func buildExpression(_ start: StartOn<State>) -> Steps { Steps(steps: [start.step]) }
    /// What the saga goes on with.
    public static func buildExpression(_ step: ContinueOn<State>) -> Steps { Steps(steps: [step.step]) }
    /// The lines of a block.
    public static func buildBlock(_ parts: Steps...) -> Steps { Steps(steps: parts.flatMap(\.steps)) }
    /// An `if` without `else`.
    public static func buildOptional(_ part: Steps?) -> Steps { part ?? Steps(steps: []) }
    /// The first branch of an `if`.
    public static func buildEither(first: Steps) -> Steps { first }
    /// The second branch of an `if`.
    public static func buildEither(second: Steps) -> Steps { second }
}
