/// Middleware that works in some places of a chain only.
///
/// A handler whose chain breaks what it says is refused when it is registered, with the order that works:
///
/// ```swift
/// extension Ledger: PlacedMiddleware {
///     static var places: [MiddlewarePlace] {
///         [.inside(of: Retry.self, otherwise: "it would book each message once, and not each attempt")]
///     }
/// }
/// ```
public protocol PlacedMiddleware: Middleware {
    /// What has to hold, in a chain that has the other kind as well. One error names one of them.
    static var places: [MiddlewarePlace] { get }
}

/// Where a kind of middleware has to stand with regard to another kind.
public struct MiddlewarePlace: Sendable {
    let other: any Middleware.Type
    let isOutside: Bool
    let problem: String

    /// Farther out than the other kind: it sees a message before that does, and the outcome after it.
    ///
    /// - Parameters:
    ///   - other: The other kind. Types that wrap it are other kinds.
    ///   - problem: What goes wrong the other way round, as the end of a sentence: "Ledger stands inside of Retry, so ...".
    public static func outside(of other: any Middleware.Type, otherwise problem: String) -> MiddlewarePlace {
        MiddlewarePlace(other: other, isOutside: true, problem: problem)
    }

    /// Farther in than the other kind, nearer to the handler. For the parameters see ``outside(of:otherwise:)``.
    public static func inside(of other: any Middleware.Type, otherwise problem: String) -> MiddlewarePlace {
        MiddlewarePlace(other: other, isOutside: false, problem: problem)
    }
}
