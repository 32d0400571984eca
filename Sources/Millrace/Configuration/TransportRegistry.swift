/// The kinds of transports that a program can connect to by URL.
///
/// ```swift
/// let registry = TransportRegistry(.memory, .redis)
/// let broker = try await registry.connect("redis://127.0.0.1:6379/0?group=billing")
/// ```
///
/// It knows what it is given and nothing else: `.memory` is defined in `MillraceMemory`, `.redis` in `MillraceRedis`.
public struct TransportRegistry: Sendable {
    /// The kinds, in the order in which they were given.
    public let factories: [TransportFactory]

    /// A registry of some kinds. Of two that have the same scheme the last one counts.
    public init(_ factories: TransportFactory...) { self.factories = factories }

    /// A registry of some kinds. Of two that have the same scheme the last one counts.
    public init(_ factories: [TransportFactory]) { self.factories = factories }

    /// All schemes.
    public var schemes: [String] {
        factories.flatMap(\.schemes).reduce(into: []) { list, scheme in if !list.contains(scheme) { list.append(scheme) } }
    }

    /// Connects to what a URL names. Whoever calls this closes the transport.
    ///
    /// - Throws: A ``MillraceError`` of code `invalidOption` when no kind has the URL's scheme, with a list of those that there
    ///   are, or when something is wrong with the URL; `connectionFailed` when there is no broker. None shows a secret.
    public func connect(
        _ url: String, clock: any SchedulingClock = SystemClock.shared, observers: Observers = .standard
    ) async throws -> any Transport {
        try await connect(TransportURL(url), clock: clock, observers: observers)
    }

    /// Connects to what a URL names. See ``connect(_:clock:observers:)-(String,_,_)``.
    public func connect(
        _ url: TransportURL, clock: any SchedulingClock = SystemClock.shared, observers: Observers = .standard
    ) async throws -> any Transport {
        try await factory(for: url).connect(url, TransportFactory.Context(clock: clock, observers: observers))
    }

    /// The kind that has a URL's scheme.
    func factory(for url: TransportURL) throws -> TransportFactory {
        if let factory = factories.last(where: { $0.schemes.contains(url.scheme) }) { return factory }
        throw MillraceError.invalidOption(
            "scheme", "'\(url.scheme)'",
            bound: "that of a transport in the registry" + NearestName.hint(url.scheme, among: schemes), of: "transport URL")
    }

    /// What URLs there are and what options they take, for the help of a program.
    public var help: String { factories.map(\.help).joined(separator: "\n\n") }
}
