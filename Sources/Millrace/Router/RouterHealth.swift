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

    /// What keeps the router from being live or ready, a sentence for each handler concerned, with its name, topic and last error; empty
    /// for one that is ready. Before it runs, and after it has stopped, handlers count only when they were given up.
    public var problems: [String] {
        let life = phase == .running ? [] : ["the router is \(phase.rawValue)"]
        let isAlive = phase != .idle && phase != .stopped
        return life + handlers.filter { isAlive || $0.state == .failed }.compactMap(\.problem)
    }
}

extension RouterHealth: CustomStringConvertible {
    /// Whether it is live and ready, and what keeps it from that.
    public var description: String {
        let verdict = isReady ? "ready" : isLive ? "not ready" : "not live"
        return ([verdict] + problems).joined(separator: "; ")
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

extension HandlerHealth {
    /// What keeps the handler from being subscribed; nil for one that is.
    fileprivate var problem: String? {
        let subject = "handler '\(name)' of topic '\(topic)' on \(transport)"
        let reason = lastError.map { ": \($0)" } ?? ""
        return switch state {
        case .running, .paused: nil
        case .starting: "\(subject) is not subscribed yet\(reason)"
        case .restarting: "\(subject) is restarting, number \(restarts)\(reason)"
        case .draining: "\(subject) is draining, with \(inFlight) in flight"
        case .stopped: "\(subject) has stopped"
        case .failed: "\(subject) was given up\(reason)"
        }
    }
}
