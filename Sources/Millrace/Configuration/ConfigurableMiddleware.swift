/// Middleware with parameters that a configuration can set.
///
/// ```swift
/// struct Slow: ConfigurableMiddleware {
///     private var delay = Duration.milliseconds(10)
///
///     mutating func configure(_ section: inout ConfigurationSection) throws {
///         delay = try section.takeDuration("delay") ?? delay
///     }
///     func handle(_ message: Message, _ context: HandlerContext, next: NextHandler) async throws -> Outputs {
///         try await context.clock.sleep(for: delay)
///         return try await next(message, context)
///     }
/// }
/// ```
///
/// A configuration names it by ``configurationName`` under `middleware` of a handler: `{"slow": {"delay": "1s"}}`. The copy that
/// was configured takes the place of the one in the code, for that handler alone.
public protocol ConfigurableMiddleware: Middleware {
    /// What a configuration calls it. Defaults to the name of the type, without `Middleware` at its end, with words separated by
    /// `-`, in lower case.
    static var configurationName: String { get }

    /// Takes its parameters; what the section does not have stays as it is. Keys that are left are refused. State that depends on
    /// a parameter is made anew.
    mutating func configure(_ section: inout ConfigurationSection) throws
}

extension ConfigurableMiddleware {
    /// The name of the type as `circuit-breaker` for `CircuitBreaker`, and `logging` for `LoggingMiddleware`.
    public static var configurationName: String {
        let type = "\(Self.self)"
        let suffix = "Middleware"
        return (type.hasSuffix(suffix) && type != suffix ? type.dropLast(suffix.count) : type[...]).reduce(into: "") {
            name, letter in
            if letter.isUppercase, !name.isEmpty { name += "-" }
            name += letter.lowercased()
        }
    }
}

extension Array where Element == any Middleware {
    /// The names by which a configuration can set parameters.
    var configurationNames: [String] { compactMap { ($0 as? any ConfigurableMiddleware)?.configurationName } }

    /// Sets the parameters of the middleware of a name. Throws when there are two of it, and returns false when there is none.
    mutating func configure(
        _ name: String, _ node: ConfigurationNode, at place: ConfigurationPlace, _ transports: ConnectedTransports
    ) throws -> Bool {
        let found = indices.filter { (self[$0] as? any ConfigurableMiddleware)?.configurationName == name }
        guard let index = found.first, var layer = self[index] as? any ConfigurableMiddleware else { return false }
        guard found.count == 1 else {
            throw place.error(": there are \(found.count) of it around this handler, and it can't be told which is meant")
        }
        var section = try ConfigurationSection(node, at: place, transports: transports)
        try layer.configure(&section)
        try section.finish()
        self[index] = layer
        return true
    }
}

extension ConfigurableMiddleware {
    fileprivate var configurationName: String { Self.configurationName }
}
