/// How a handler is run.
public struct HandlerOptions: Sendable {
    /// Which consumer group a handler belongs to.
    public enum Group: Sendable, Hashable, ExpressibleByStringLiteral {
        /// A group named like the handler; in a service that has a name, like both: `shop.audit`.
        case handlerName
        /// A group of a name, which is shared with other handlers of the service; in a service that has a name, with that before it.
        case inService(String)
        /// A group of exactly this name, which is shared with all handlers that say the same, here or elsewhere.
        case named(String)
        /// None: a copy of everything from now on.
        case none

        /// A named group.
        public init(stringLiteral name: String) { self = .named(name) }

        /// What the broker is told; nil for none.
        func name(for handler: String, of service: String?) -> String? {
            switch self {
            case .handlerName: Self.inService(handler).name(for: handler, of: service)
            case .inService(let name): service.map { "\($0).\(name)" } ?? name
            case .named(let name): name
            case .none: nil
            }
        }
    }

    /// How many messages may be handled at once. Defaults to 1; 1 to 10,000.
    public var concurrency: Int
    /// Which messages wait for which. Defaults to the transport's order.
    public var ordered: Ordering
    /// The most deliveries that may be out and unsettled at once; at least `concurrency`. Defaults to 128 for each
    /// concurrent message, at most 1,024 or the concurrency if that is more.
    public var prefetch: Int?
    /// The consumer group. Defaults to one named like the handler, and like the service if that has a name.
    public var group: Group
    /// After how many deliveries a message is given up before the handler sees it again; a guard against messages that
    /// crash the process. Defaults to no limit; at least 1.
    public var maximumAttempts: Int?
    /// How long a failed message stays away when no middleware took care of it. Defaults to 100 milliseconds up to 30
    /// seconds, doubling, with full jitter.
    public var redelivery: Backoff
    /// How long a delivery may stay unsettled if the process dies. Defaults to 30 seconds. While a handler works, its lease
    /// is renewed.
    public var lease: Duration
    /// Where to begin: a consumer group that is new, or a handler without a group. Defaults to nil: a group at the first message
    /// that the transport still has, a handler without one at what comes from now on.
    public var start: StartPosition?
    /// Whether outputs are published and their input is acknowledged in one transaction of the broker, so that the pipeline is
    /// exactly-once. Defaults to false. Needs a transport with `Capabilities.transactions`, which is read from and published to.
    public var transactional: Bool
    /// Middleware of this handler alone, inside of the router's.
    public var middleware: [any Middleware]

    /// Options with the given values.
    public init(
        concurrency: Int = 1, ordered: Ordering = .byTransport, prefetch: Int? = nil, group: Group = .handlerName,
        maximumAttempts: Int? = nil,
        redelivery: Backoff = .exponential(from: .milliseconds(100), upTo: .seconds(30)), lease: Duration = .seconds(30),
        start: StartPosition? = nil, transactional: Bool = false, @MiddlewareBuilder middleware: () -> [any Middleware] = { [] }
    ) {
        self.concurrency = concurrency
        self.ordered = ordered
        self.prefetch = prefetch
        self.group = group
        self.maximumAttempts = maximumAttempts
        self.redelivery = redelivery
        self.lease = lease
        self.start = start
        self.transactional = transactional
        self.middleware = middleware()
    }

    static let maximumConcurrency = 10_000

    /// Throws a ``MillraceError`` that names the handler, the field, its value and its bound.
    func validate(for handler: String) throws {
        let subject = "handler '\(handler)'"
        guard concurrency >= 1, concurrency <= Self.maximumConcurrency else {
            throw MillraceError.invalidOption(
                "concurrency", concurrency, bound: "1 to \(Self.maximumConcurrency)", of: subject)
        }
        if let prefetch, prefetch < concurrency {
            throw MillraceError.invalidOption(
                "prefetch", prefetch, bound: "at least the concurrency of \(concurrency)", of: subject)
        }
        if let maximumAttempts, maximumAttempts < 1 {
            throw MillraceError.invalidOption("maximumAttempts", maximumAttempts, bound: "at least 1", of: subject)
        }
        guard lease >= .milliseconds(1) else {
            throw MillraceError.invalidOption("lease", lease, bound: "at least 1 millisecond", of: subject)
        }
        try redelivery.validate(for: subject)
    }

    /// Throws a ``MillraceError`` of code `unsupported` when the transport can't do what the options ask for.
    func check(_ capabilities: Capabilities, for handler: String, system: String) throws {
        func require(_ capability: Capabilities, for field: String, _ value: some Sendable) throws {
            guard capabilities.contains(capability) else {
                throw MillraceError(
                    .unsupported,
                    "handler '\(handler)': \(field) is \(value), which needs a transport that can '\(capability)'; "
                        + "\(system) can: \(capabilities)", isRetriable: false)
            }
        }
        if group != .none, !capabilities.contains(.liveGroups) { try require(.groups, for: "group", group) }
        if ordered == .byKey { try require(.orderedByKey, for: "ordered", ordered) }
        if let maximumAttempts { try require(.attemptCount, for: "maximumAttempts", maximumAttempts) }
        if transactional { try require(.transactions, for: "transactional", transactional) }
        if let start, start.isArbitrary(inGroup: group != .none) { try require(.startAtPosition, for: "start", start) }
    }

    /// The most deliveries that may be out at once.
    var effectivePrefetch: Int { prefetch ?? max(concurrency, min(1_024, concurrency * 128)) }
}
