/// How a subscription reads its topic.
public struct SubscriptionOptions: Sendable, Hashable {
    /// The consumer group. Every group gets every message, members of a group share them. Nil, the default: a copy of
    /// everything from now on, for this subscription alone.
    public var group: String?

    /// The most deliveries that may be out and unsettled at once. Defaults to 256; at least 1.
    public var prefetch: Int

    /// The order to keep. Defaults to the transport's own.
    public var ordered: Ordering

    /// How long a delivery may stay unsettled before it is handed out again, unless it is renewed. Defaults to 30 seconds;
    /// at least 1 millisecond. The router renews by itself; elsewhere ``Delivery/renew()`` does.
    public var lease: Duration

    /// Where to begin: a group that does not exist yet, or a subscription without a group. Defaults to nil: a group at the first
    /// message that the transport still has, a subscription without one at what comes from now on.
    public var start: StartPosition?

    /// Whether deliveries are acknowledged in transactions: see ``TransactionalSubscription``. Defaults to false. Needs
    /// `Capabilities.transactions`; other transports pay no attention to it.
    public var transactional: Bool

    /// Options with the given values.
    public init(
        group: String? = nil, prefetch: Int = 256, ordered: Ordering = .byTransport, lease: Duration = .seconds(30),
        start: StartPosition? = nil, transactional: Bool = false
    ) {
        self.group = group
        self.prefetch = prefetch
        self.ordered = ordered
        self.lease = lease
        self.start = start
        self.transactional = transactional
    }

    /// Throws a ``MillraceError`` of code `invalidOption` that names the field, its value and its bound.
    public func validate() throws {
        if let group { try Naming.check(group, kind: "consumer group", code: .invalidOption) }
        guard prefetch >= 1 else { throw MillraceError.invalidOption("prefetch", prefetch, bound: "at least 1") }
        guard lease >= .milliseconds(1) else {
            throw MillraceError.invalidOption("lease", lease, bound: "at least 1 millisecond")
        }
    }
}

/// Which messages of a subscription wait for which.
public enum Ordering: String, Sendable, Hashable, Codable {
    /// Messages are handed out in the transport's order and may be handled side by side.
    case byTransport
    /// A message is handed out only when the one before it with the same key has been settled, also across a retry. Messages
    /// without a key form a lane of their own.
    case byKey
}
