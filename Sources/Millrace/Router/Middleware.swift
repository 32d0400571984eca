/// Stands around a handler: sees the message before it, and the outputs or the error after it.
///
/// ```swift
/// struct Stopwatch: Middleware {
///     func handle(_ message: Message, _ context: HandlerContext, next: NextHandler) async throws -> Outputs {
///         let start = context.clock.now
///         defer { context.logger.debug("handled", ["took": start.duration(to: context.clock.now)]) }
///         return try await next(message, context)
///     }
/// }
/// ```
///
/// The first middleware in a list is the outermost one. `next` may be called any number of times: not at all to answer for
/// the handler, again to repeat it.
public protocol Middleware: Sendable {
    /// What descriptions and errors call it. Defaults to the name of the type.
    var name: String { get }

    /// Called once for each handler that the middleware stands around, when that is registered. Returns what is to run
    /// there: itself, which is the default, or a copy with a state of the handler's own. An error keeps the handler from
    /// being registered.
    func attached(to handler: HandlerInfo) throws -> any Middleware

    /// Handles a message with the help of `next`. What it throws is seen by the middleware around it.
    func handle(_ message: Message, _ context: HandlerContext, next: NextHandler) async throws -> Outputs
}

extension Middleware {
    /// The name of the type.
    public var name: String { "\(Self.self)" }

    /// Itself.
    public func attached(to handler: HandlerInfo) throws -> any Middleware { self }
}

/// Middleware whose work on the good path needs no waiting: one call before the handler and one after it.
///
/// The worker runs such middleware in its own loop, at a tenth of the cost of `handle`. All parts have a default that does
/// nothing, so that an implementation writes only those that it needs.
public protocol StagedMiddleware: Middleware {
    /// Which of `begin` and `finish` have something to do. Defaults to both; what is left out is not called.
    var stages: Stages { get }

    /// Before the handler. An error goes to the middleware around this one; the handler is not called.
    func begin(_ message: Message, _ context: HandlerContext) throws

    /// After the handler has returned. An error goes to the middleware around this one.
    func finish(_ outputs: inout Outputs, of message: Message, _ context: HandlerContext) throws

    /// After the handler, or middleware inside of this one, has thrown. Returns the outputs that stand in for those of the
    /// handler, or throws what the middleware around this one is to see. `next` handles the message again.
    func recover(
        from error: any Error, _ message: Message, _ context: HandlerContext, next: NextHandler
    ) async throws -> Outputs
}

/// The calls that staged middleware wants on the good path.
public struct Stages: OptionSet, Sendable {
    /// The bits.
    public let rawValue: UInt8
    /// Stages from their bits.
    public init(rawValue: UInt8) { self.rawValue = rawValue }
    /// Before the handler.
    public static let begin = Stages(rawValue: 1)
    /// After the handler.
    public static let finish = Stages(rawValue: 2)
}

extension StagedMiddleware {
    /// Both.
    public var stages: Stages { [.begin, .finish] }

    /// Does nothing.
    public func begin(_ message: Message, _ context: HandlerContext) throws {}

    /// Does nothing.
    public func finish(_ outputs: inout Outputs, of message: Message, _ context: HandlerContext) throws {}

    /// Throws the error on.
    public func recover(
        from error: any Error, _ message: Message, _ context: HandlerContext, next: NextHandler
    ) async throws -> Outputs { throw error }

    /// The three parts in one.
    public func handle(_ message: Message, _ context: HandlerContext, next: NextHandler) async throws -> Outputs {
        try begin(message, context)
        var outputs: Outputs
        do {
            outputs = try await next(message, context)
        } catch {
            context.noteFailure(timedOut: context.hasTimedOut)
            return try await recover(from: error, message, context, next: next)
        }
        try finish(&outputs, of: message, context)
        return outputs
    }
}

/// The rest of a chain: the middleware further inside, and the handler.
public struct NextHandler: Sendable {
    let chain: Chain
    let index: Int

    /// Handles the message.
    public func callAsFunction(_ message: Message, _ context: HandlerContext) async throws -> Outputs {
        try await chain.run(message, context, from: index)
    }
}

/// Collects middleware written one per line; the first is the outermost.
@resultBuilder
public enum MiddlewareBuilder {
    /// One piece of middleware.
    public static func buildExpression(_ middleware: any Middleware) -> [any Middleware] { [middleware] }
    /// A list of middleware.
    public static func buildExpression(_ middleware: [any Middleware]) -> [any Middleware] { middleware }
    /// The lines of a block.
    public static func buildBlock(_ parts: [any Middleware]...) -> [any Middleware] { parts.flatMap { $0 } }
    /// An `if` without `else`.
    public static func buildOptional(_ part: [any Middleware]?) -> [any Middleware] { part ?? [] }
    /// The first branch of an `if`.
    public static func buildEither(first: [any Middleware]) -> [any Middleware] { first }
    /// The second branch of an `if`.
    public static func buildEither(second: [any Middleware]) -> [any Middleware] { second }
    /// A loop.
    public static func buildArray(_ parts: [[any Middleware]]) -> [any Middleware] { parts.flatMap { $0 } }
}
