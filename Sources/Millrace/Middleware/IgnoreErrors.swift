/// Acknowledges messages that fail with certain errors, as if they had been handled, and reports them as `errorIgnored`.
///
/// Errors are told by their type or by a function, never by their text. The errors behind a ``MillraceError`` are looked at as
/// well. Cancellation and the wish to see a message again (``RetryLater``) are not ignored. No outputs are published.
///
/// Inside of `Retry` an error is ignored at its first occurrence, outside of it after the last attempt.
public struct IgnoreErrors: StagedMiddleware {
    private let matches: @Sendable (any Error) -> Bool
    private let level: EventLevel

    /// Ignores errors of the given types, which may be classes with subclasses, or protocols' conforming types one by one.
    ///
    /// - Parameters:
    ///   - type: A type of error.
    ///   - others: More of them.
    ///   - level: The level of the event. Defaults to info.
    public init(_ type: any Error.Type, _ others: any Error.Type..., reportedAt level: EventLevel = .info) {
        let types = [type] + others
        self.init(reportedAt: level) { error in types.contains { Self.matches(error, $0) } }
    }

    /// Ignores errors that a function picks.
    ///
    /// - Parameters:
    ///   - level: The level of the event. Defaults to info.
    ///   - matches: Whether an error is to be ignored. Called for the error, and for those behind it until one matches.
    public init(reportedAt level: EventLevel = .info, where matches: @escaping @Sendable (any Error) -> Bool) {
        self.matches = matches
        self.level = level
    }

    /// None: it acts on errors only.
    public var stages: Stages { [] }

    /// Returns no outputs in place of an error that is to be ignored.
    public func recover(
        from error: any Error, _ message: Message, _ context: HandlerContext, next: NextHandler
    ) async throws -> Outputs {
        guard ignores(error) else { throw error }
        report(error, of: message, context)
        return Outputs()
    }

    func ignores(_ error: any Error) -> Bool { !error.asksForAnotherDelivery && error.hasInChain(matches) }

    func report(_ error: any Error, of message: Message, _ context: HandlerContext) {
        context.observers.report(level, .errorIgnored(handler: context.handler, id: message.id, error: error))
    }

    private static func matches<Wanted: Error>(_ error: any Error, _ type: Wanted.Type) -> Bool { error is Wanted }
}
