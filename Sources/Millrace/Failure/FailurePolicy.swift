/// Decides by the error what becomes of a message that failed.
///
/// ```swift
/// FailurePolicy(
///     .on(Declined.self, .deadLetter("orders.declined", on: broker)),
///     .on(Unavailable.self, .retryLater(attempts: 20), .pauseHandler),
///     .notRetriable(.deadLetter("orders.poison", on: broker)),
///     .otherwise(.retry(attempts: 3), .retryLater(attempts: 10), .deadLetter("orders.poison", on: broker)))
/// ```
///
/// The first rule that matches counts, for each failure anew. An error without a rule goes on outward. ``RetryLater`` and the
/// cancellation at the end of a shutdown are no failures and pass.
///
/// Attempts are counted by message, over retries in place and redeliveries: `retry(attempts: 3), retryLater(attempts: 10)` are
/// two retries in place and seven redeliveries.
public struct FailurePolicy: StagedMiddleware {
    private var rules: [FailureRule]
    private var control: HandlerControl?

    /// A policy with the given rules.
    public init(_ rules: FailureRule...) { self.init(rules) }

    /// A policy with the given rules.
    public init(_ rules: [FailureRule]) { self.rules = rules }

    /// None: it acts on errors only.
    public var stages: Stages { [] }

    /// Takes hold of the handler's fetching. Throws a ``MillraceError`` of code `unsupported` when the transport can't bring
    /// messages back later and a rule asks for it.
    public func attached(to handler: HandlerInfo) throws -> any Middleware {
        if kinds.contains(where: { if case .retryLater = $0 { true } else { false } }),
            !handler.capabilities.contains(.delayedRetry)
        {
            throw MillraceError(
                .unsupported,
                "handler '\(handler.name)': FailurePolicy: retryLater needs a transport that can '\(Capabilities.delayedRetry)'; "
                    + "\(handler.system) can: \(handler.capabilities)", isRetriable: false)
        }
        var copy = self
        copy.control = handler.control
        return copy
    }

    /// Does what the rules say, until the message has succeeded or is settled otherwise.
    public func recover(
        from error: any Error, _ message: Message, _ context: HandlerContext, next: NextHandler
    ) async throws -> Outputs {
        var error = error
        while true {
            guard !error.asksForAnotherDelivery, let action = action(for: error, context) else { throw error }
            switch action {
            case .retry(_, let backoff):
                try await retry(backoff, error, message, context)
            case .retryLater(_, let backoff):
                let delay = backoff.delay(after: context.attempt, random: context.random)
                // Acknowledged already: there is nothing to bring back.
                guard context.canRetryLater else {
                    try await context.clock.sleep(for: delay)
                    break
                }
                throw RetryLater(after: delay, because: error)
            case .reject:
                throw error as? Reject ?? Reject("\(error)", because: error)
            case .deadLetter(let topic):
                try await topic.send(message, error, context)
                return Outputs()
            case .drop:
                context.observers.report(
                    .warning, .messageDropped(handler: context.handler, id: message.id, error: error))
                return Outputs()
            case .pauseHandler:
                if control?.pause(by: .failurePolicy) == true {
                    context.observers.report(.error, .handlerPausedByPolicy(handler: context.handler, error: error))
                }
                throw HandedBack(reason: "\(error)")
            }
            context.attempt += 1
            do {
                return try await next(message, context)
            } catch let latest {
                error = latest
            }
        }
    }

    private func retry(
        _ backoff: Backoff, _ error: any Error, _ message: Message, _ context: HandlerContext
    ) async throws {
        let delay = backoff.delay(after: context.attempt, random: context.random)
        context.observers.report(
            .debug,
            .messageRetried(
                handler: context.handler, id: message.id, attempt: context.attempt, after: delay, error: error))
        try await context.clock.sleep(for: delay)
    }

    /// What is to be done now; nil when no rule matches, or the one that does is used up.
    private func action(for error: any Error, _ context: HandlerContext) -> FailureAction.Kind? {
        guard let rule = rules.first(where: { $0.matches(error) }) else { return nil }
        return rule.actions.lazy.map(\.kind).first { kind in
            switch kind {
            // A message that was handed out too often is not handled again: it may be the one that ends the process.
            case .retry(let attempts, _), .retryLater(let attempts, _): !context.isExhausted && context.attempt < attempts
            default: true
            }
        }
    }

    private var kinds: [FailureAction.Kind] { rules.flatMap { $0.actions.map(\.kind) } }

    func validate(for handler: String) throws {
        let subject = "handler '\(handler)': FailurePolicy"
        guard !rules.isEmpty else {
            throw MillraceError.invalidOption("rules", 0, bound: "at least 1", of: subject)
        }
        for (number, rule) in rules.enumerated() { try validate(rule, "\(subject): rule \(number + 1)") }
    }

    private func validate(_ rule: FailureRule, _ subject: String) throws {
        guard !rule.actions.isEmpty else {
            throw MillraceError.invalidOption("actions", 0, bound: "at least 1", of: subject)
        }
        var attempts = 1
        for (number, action) in rule.actions.enumerated() {
            switch action.kind {
            case .retry(let limit, let backoff), .retryLater(let limit, let backoff):
                guard limit > attempts else {
                    throw MillraceError.invalidOption(
                        "attempts", limit, bound: "more than \(attempts), the attempts made before this action",
                        of: subject)
                }
                attempts = limit
                try backoff.validate(for: subject)
                continue
            case .deadLetter(let topic): try topic.validate(for: subject)
            case .reject, .drop, .pauseHandler: break
            }
            guard number == rule.actions.count - 1 else {
                throw MillraceError.invalidOption(
                    "actions", rule.actions.count, bound: "\(number + 1), as nothing can follow action \(number + 1)",
                    of: subject)
            }
        }
    }
}

extension FailurePolicy: ConfigurableMiddleware {
    /// Takes new actions for rules that there are: by the name of the error's type, `not-retriable`, or `otherwise`.
    public mutating func configure(_ section: inout ConfigurationSection) throws {
        for index in rules.indices {
            guard let label = rules[index].label else { continue }
            rules[index].actions = try section.takeActions(label, over: rules[index].actions) ?? rules[index].actions
        }
    }
}
