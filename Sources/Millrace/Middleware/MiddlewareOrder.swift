/// Refuses chains that can't work, with the order that does.
enum MiddlewareOrder {
    /// Throws a ``MillraceError`` of code `invalidMiddlewareOrder`, or `invalidOption` for parameters out of bounds.
    static func check(_ layers: [any Middleware], of handler: String) throws {
        for layer in layers { try (layer as? any ValidatedMiddleware)?.validate(for: handler) }
        let poison = layers.lastIndex { $0 is PoisonQueue }
        let retry = layers.firstIndex { $0 is Retry }
        let timeout = layers.firstIndex { $0 is Timeout }
        if let poison, let retry, retry < poison {
            throw wrong(
                handler, layers, "PoisonQueue stands inside of Retry, so it would take the message at its first failure")
        }
        if let timeout, let retry = layers.lastIndex(where: { $0 is Retry }), timeout < retry {
            throw wrong(
                handler, layers, "Timeout stands outside of Retry, so all attempts would share one deadline")
        }
        if let timeout, let poison, timeout < poison {
            throw wrong(
                handler, layers,
                "Timeout stands outside of PoisonQueue, so publishing to the poison topic could be cut off")
        }
    }

    private static func wrong(_ handler: String, _ layers: [any Middleware], _ problem: String) -> MillraceError {
        let rank: [(any Middleware) -> Bool] = [{ $0 is PoisonQueue }, { $0 is Retry }, { $0 is Timeout }]
        let places = layers.indices.filter { index in rank.contains { $0(layers[index]) } }
        let sorted = rank.flatMap { matches in layers.filter(matches) }
        var working = layers
        for (place, layer) in zip(places, sorted) { working[place] = layer }
        func list(_ layers: [any Middleware]) -> String { layers.map(\.name).joined(separator: " > ") }
        return MillraceError(
            .invalidMiddlewareOrder,
            "handler '\(handler)': \(problem). It is \(list(layers)), outermost first; what works is \(list(working))",
            isRetriable: false)
    }
}

/// Middleware whose parameters have bounds.
protocol ValidatedMiddleware: Middleware {
    /// Throws a ``MillraceError`` of code `invalidOption` that names the handler, the parameter, its value and its bound.
    func validate(for handler: String) throws
}

extension Retry: ValidatedMiddleware {}
extension PoisonQueue: ValidatedMiddleware {}
extension Timeout: ValidatedMiddleware {}
extension Throttle: ValidatedMiddleware {}
