/// Ends an attempt that takes too long, by cancelling it, and nothing but it.
///
/// The handler sees a cancelled task; what it throws then becomes a ``MillraceError`` of code `timedOut`. A handler that
/// returns all the same has succeeded. Put it inside of `Retry`, so that each attempt has its own time.
///
/// The limit is kept to about an eighth, and not below a few milliseconds.
public struct Timeout: StagedMiddleware {
    private(set) var limit: Duration
    /// The limit in nanoseconds; arithmetic on `Duration` has 128 bits and is not for the path of a message.
    private var nanoseconds: Int64

    /// A limit for each attempt; at least 1 millisecond.
    public init(_ limit: Duration) {
        self.limit = limit
        nanoseconds = limit.nanosecondsClamped
    }

    // The worker's own task is the one to be cancelled: a deadline costs one store and one compare, a task of its own several
    // hundred nanoseconds. When the deadline fires, that task is used up and the worker goes on in another one.

    /// Sets the deadline.
    @inline(__always)
    public func begin(_ message: Message, _ context: HandlerContext) {
        context.slot.arm(after: nanoseconds, from: context.clock.coarseNow)
    }

    /// Takes the deadline away.
    @inline(__always)
    public func finish(_ outputs: inout Outputs, of message: Message, _ context: HandlerContext) {
        _ = context.slot.disarm()
    }

    /// Says that it was the time that ran out.
    public func recover(
        from error: any Error, _ message: Message, _ context: HandlerContext, next: NextHandler
    ) async throws -> Outputs {
        guard context.hasTimedOut else { throw error }
        defer { context.note { $0.hasTimedOut = false } }
        throw timedOut(message, context, error)
    }

    /// Handles the message in a task of its own: for all attempts after the first, and inside of middleware that is not staged.
    public func handle(_ message: Message, _ context: HandlerContext, next: NextHandler) async throws -> Outputs {
        do {
            return try await withDeadline(limit, clock: context.clock) {
                try await next(message, context)
            }
        } catch let passed as DeadlinePassed {
            throw timedOut(message, context, passed.cause)
        }
    }

    private func timedOut(_ message: Message, _ context: HandlerContext, _ cause: (any Error)?) -> MillraceError {
        MillraceError(
            .timedOut, "handler '\(context.handler)' took longer than \(limit) for message \(message.id)",
            underlying: cause, isRetriable: true)
    }

    func validate(for handler: String) throws {
        guard limit >= .milliseconds(1) else {
            throw MillraceError.invalidOption(
                "limit", limit, bound: "at least 1 millisecond", of: "handler '\(handler)': Timeout")
        }
    }
}

extension Timeout: ConfigurableMiddleware {
    /// Takes `limit`.
    public mutating func configure(_ section: inout ConfigurationSection) throws {
        guard let limit = try section.takeDuration("limit") else { return }
        self = Timeout(limit)
    }
}
