/// Refuses chains that can't work, with the order that does.
enum MiddlewareOrder {
    /// One piece of middleware that has to stand outside of another.
    private struct Rule: Sendable {
        let outer: any Middleware.Type
        let inner: any Middleware.Type
        /// What goes wrong the other way round.
        let problem: String
    }

    /// The order that works, the outermost first. What is not listed may stand anywhere.
    private static let order: [any Middleware.Type] = [
        PoisonQueue.self, FailurePolicy.self, DelayOnError.self, CircuitBreaker.self, Retry.self, Deduplicate.self,
        InstantAck.self, Timeout.self, Transform.self,
    ]

    private static let rules = [
        Rule(
            outer: PoisonQueue.self, inner: Retry.self,
            problem: "PoisonQueue stands inside of Retry, so it would take the message at its first failure"),
        Rule(
            outer: PoisonQueue.self, inner: FailurePolicy.self,
            problem: "PoisonQueue stands inside of FailurePolicy, so it would take the message before any rule is read"),
        Rule(
            outer: PoisonQueue.self, inner: CircuitBreaker.self,
            problem: "PoisonQueue stands inside of CircuitBreaker, so it would take the failures that tell of an outage"),
        Rule(
            outer: PoisonQueue.self, inner: DelayOnError.self,
            problem: "PoisonQueue stands inside of DelayOnError, so it would take the message before it is delayed"),
        Rule(
            outer: PoisonQueue.self, inner: Deduplicate.self,
            problem: "PoisonQueue stands inside of Deduplicate, so a poisoned message that is replayed would be taken for a copy"),
        Rule(
            outer: FailurePolicy.self, inner: Retry.self,
            problem: "FailurePolicy stands inside of Retry, so it would settle the message at its first failure"),
        Rule(
            outer: FailurePolicy.self, inner: CircuitBreaker.self,
            problem: "FailurePolicy stands inside of CircuitBreaker, so it would take the failures that tell of an outage"),
        Rule(
            outer: FailurePolicy.self, inner: Deduplicate.self,
            problem: "FailurePolicy stands inside of Deduplicate, so a dead letter that is replayed would be taken for a copy"),
        Rule(
            outer: CircuitBreaker.self, inner: Retry.self,
            problem: "CircuitBreaker stands inside of Retry, so it would hold back what Retry is to repeat"),
        Rule(
            outer: PoisonQueue.self, inner: Transform.self,
            problem: "PoisonQueue stands inside of Transform, so the poison topic would get changed bytes"),
        Rule(
            outer: FailurePolicy.self, inner: Transform.self,
            problem: "FailurePolicy stands inside of Transform, so a dead letter would have changed bytes"),
        Rule(
            outer: DelayOnError.self, inner: InstantAck.self,
            problem: "InstantAck stands outside of DelayOnError, so there would be nothing left to bring back"),
        Rule(
            outer: CircuitBreaker.self, inner: InstantAck.self,
            problem: "InstantAck stands outside of CircuitBreaker, so what an open circuit sends back would be lost"),
        Rule(
            outer: Deduplicate.self, inner: InstantAck.self,
            problem: "InstantAck stands outside of Deduplicate, so a copy of a message that fails later would be lost"),
        Rule(
            outer: DelayOnError.self, inner: Retry.self,
            problem: "DelayOnError stands inside of Retry, so Retry would never see a failure"),
        Rule(
            outer: Retry.self, inner: Timeout.self,
            problem: "Timeout stands outside of Retry, so all attempts would share one deadline"),
        Rule(
            outer: FailurePolicy.self, inner: Timeout.self,
            problem: "Timeout stands outside of FailurePolicy, so all attempts would share one deadline"),
        Rule(
            outer: PoisonQueue.self, inner: Timeout.self,
            problem: "Timeout stands outside of PoisonQueue, so publishing to the poison topic could be cut off"),
    ]

    /// Throws a ``MillraceError`` of code `invalidMiddlewareOrder`, or `invalidOption` for parameters out of bounds.
    static func check(_ layers: [any Middleware], of handler: String) throws {
        for layer in layers { try (layer as? any ValidatedMiddleware)?.validate(for: handler) }
        let types = layers.map { ObjectIdentifier(type(of: $0)) }
        guard types.count(where: { $0 == ObjectIdentifier(CircuitBreaker.self) }) < 2 else {
            throw MillraceError(
                .invalidMiddlewareOrder,
                "handler '\(handler)': there are two CircuitBreakers, which would pause and resume the same fetching. It is "
                    + "\(list(layers)); what works is one of them", isRetriable: false)
        }
        for rule in rules {
            guard let inner = types.firstIndex(of: ObjectIdentifier(rule.inner)),
                let outer = types.lastIndex(of: ObjectIdentifier(rule.outer)), inner < outer
            else { continue }
            throw MillraceError(
                .invalidMiddlewareOrder,
                "handler '\(handler)': \(rule.problem). It is \(list(layers)), outermost first; what works is "
                    + list(sorted(layers)), isRetriable: false)
        }
    }

    /// The layers with those that have a place moved among themselves.
    private static func sorted(_ layers: [any Middleware]) -> [any Middleware] {
        let ranks = Dictionary(uniqueKeysWithValues: order.enumerated().map { (ObjectIdentifier($1), $0) })
        func rank(_ layer: any Middleware) -> Int? { ranks[ObjectIdentifier(type(of: layer))] }
        let places = layers.indices.filter { rank(layers[$0]) != nil }
        let ranked = order.indices.flatMap { place in layers.filter { rank($0) == place } }
        var working = layers
        for (place, layer) in zip(places, ranked) { working[place] = layer }
        return working
    }

    private static func list(_ layers: [any Middleware]) -> String { layers.map(\.name).joined(separator: " > ") }
}

/// Middleware whose parameters have bounds.
protocol ValidatedMiddleware: Middleware {
    /// Throws a ``MillraceError`` of code `invalidOption` that names the handler, the parameter, its value and its bound.
    func validate(for handler: String) throws
}

extension Retry: ValidatedMiddleware {}
extension PoisonQueue: ValidatedMiddleware {}
extension FailurePolicy: ValidatedMiddleware {}
extension Timeout: ValidatedMiddleware {}
extension Throttle: ValidatedMiddleware {}
extension CircuitBreaker: ValidatedMiddleware {}
extension ConcurrencyLimit: ValidatedMiddleware {}
extension RateLimit: ValidatedMiddleware {}
extension Deduplicate: ValidatedMiddleware {}
extension DelayOnError: ValidatedMiddleware {}
extension RandomFail: ValidatedMiddleware {}
extension LoggingMiddleware: ValidatedMiddleware {}
extension Transform: ValidatedMiddleware {}
