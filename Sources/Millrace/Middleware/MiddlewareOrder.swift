/// Refuses chains that can't work, with the order that does.
enum MiddlewareOrder {
    /// One piece of middleware that has to stand outside of another.
    private struct Rule {
        let outer: ObjectIdentifier
        let inner: ObjectIdentifier
        /// What goes wrong the other way round.
        let problem: String

        init(_ owner: any PlacedMiddleware.Type, _ place: MiddlewarePlace) {
            let (this, other) = (ObjectIdentifier(owner), ObjectIdentifier(place.other))
            outer = place.isOutside ? this : other
            inner = place.isOutside ? other : this
            problem = "\(owner) stands \(place.isOutside ? "inside" : "outside") of \(place.other), so \(place.problem)"
        }
    }

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
        let rules = rules(of: layers)
        for rule in rules {
            guard let inner = types.firstIndex(of: rule.inner), let outer = types.lastIndex(of: rule.outer), inner < outer
            else { continue }
            let working = sorted(types, by: rules).map { "what works is \(list($0.map { layers[$0] }))" }
            throw MillraceError(
                .invalidMiddlewareOrder,
                "handler '\(handler)': \(rule.problem). It is \(list(layers)), outermost first; "
                    + (working ?? "no order works, as what they say of their places can't all be true"), isRetriable: false)
        }
    }

    private static func rules(of layers: [any Middleware]) -> [Rule] {
        var rules: [Rule] = []
        var seen: Set<ObjectIdentifier> = []
        for layer in layers {
            guard let kind = type(of: layer) as? any PlacedMiddleware.Type, seen.insert(ObjectIdentifier(kind)).inserted
            else { continue }
            rules += kind.places.map { Rule(kind, $0) }
        }
        return rules
    }

    /// The indices of the layers in an order that keeps all rules; nil when there is none. What no rule speaks of stays where it is.
    private static func sorted(_ types: [ObjectIdentifier], by rules: [Rule]) -> [Int]? {
        let ruled = Set(rules.flatMap { [$0.outer, $0.inner] })
        let places = types.indices.filter { ruled.contains(types[$0]) }
        var left = places
        var sorted = Array(types.indices)
        for place in places {
            let next = left.firstIndex { candidate in
                rules.allSatisfy { rule in
                    rule.inner != types[candidate] || !left.contains { $0 != candidate && types[$0] == rule.outer }
                }
            }
            guard let next else { return nil }
            sorted[place] = left.remove(at: next)
        }
        return sorted
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
