/// How a router is doing.
public struct RouterHealth: Sendable, Codable, Hashable {
    /// Where a router is in its life.
    public enum Phase: String, Sendable, Codable {
        /// Not run yet.
        case idle
        /// Subscribing.
        case starting
        /// All handlers have been started.
        case running
        /// Shutting down.
        case draining
        /// Done.
        case stopped
    }

    /// Where the router is in its life.
    public let phase: Phase
    /// Each handler, in the order of registration.
    public let handlers: [HandlerHealth]

    /// Whether work is being done, or will be as soon as a broker is back: no handler has been given up.
    public var isLive: Bool { handlers.allSatisfy { $0.state != .failed } }

    /// Whether all handlers are subscribed. Paused ones count, stopped ones do not.
    public var isReady: Bool {
        phase == .running && handlers.allSatisfy { $0.state == .running || $0.state == .paused }
    }
}

/// How a handler is doing.
public struct HandlerHealth: Sendable, Codable, Hashable {
    /// Where a handler is in its life.
    public enum State: String, Sendable, Codable, CaseIterable {
        /// Registered, or subscribing for the first time.
        case starting
        /// Subscribed.
        case running
        /// Subscribed, and fetching nothing.
        case paused
        /// Waiting to subscribe again.
        case restarting
        /// Finishing what was fetched.
        case draining
        /// Ended.
        case stopped
        /// Given up.
        case failed
    }

    /// The handler's name.
    public let name: String
    /// The topic that it reads.
    public let topic: String
    /// The kind of transport that it reads from.
    public let transport: String
    /// Where it is in its life.
    public let state: State
    /// How many deliveries it is working on.
    public let inFlight: Int
    /// How many messages wait for it; nil when the transport does not know, or it is not subscribed.
    public let lag: Int?
    /// How many messages it has handled.
    public let handled: Int
    /// How many attempts have failed and went back to the transport.
    public let failed: Int
    /// How often it had to subscribe again.
    public let restarts: Int
    /// Who keeps it from fetching; empty if nobody does.
    public let pausedBy: [HandlerControl.Holder]
    /// The last error of the handler or its subscription.
    public let lastError: String?
}
