/// Which middleware stands around a handler of batches.
enum BatchLayers: Sendable {
    /// All of it, without these kinds. What can't stand around a batch is an error.
    case all(without: [any Middleware.Type])
    /// What looks on: for components, which see to failures by themselves.
    case observers

    /// What acts on a batch rather than look on.
    private static let acting: [any Middleware.Type] = [
        PoisonQueue.self, CircuitBreaker.self, Retry.self, Timeout.self, Throttle.self, IgnoreErrors.self,
    ]

    /// Those of the layers that stand around the handler. Throws a ``MillraceError`` of code `unsupported` that names what can't.
    func of(_ layers: [any Middleware], for handler: String) throws -> [any Middleware] {
        switch self {
        case .observers:
            return layers.filter { layer in layer is any BatchMiddleware && !Self.acting.contains { $0 == type(of: layer) } }
        case .all(let left):
            let wanted = layers.filter { layer in !left.contains { $0 == type(of: layer) } }
            guard let other = wanted.first(where: { !($0 is any BatchMiddleware) }) else { return wanted }
            throw MillraceError(
                .unsupported,
                "handler '\(handler)': it takes batches, and \(other.name) stands around single messages; take it out of the list, "
                    + "or say 'without: [\(type(of: other)).self]' where the handler is registered", isRetriable: false)
        }
    }
}
