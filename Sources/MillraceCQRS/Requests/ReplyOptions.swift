public import Millrace

/// How requests are answered.
public struct ReplyOptions: Sendable {
    /// The topic on which this process gets its answers.
    public enum Inbox: Sendable, Hashable {
        /// A topic of its own with a name that is never used again: the prefix of the topics, `replies.`, and an id. ``CQRS/close()``
        /// removes it if the transport is a `TransportAdministration`.
        case perProcess
        /// A topic of this name. It is never removed. Processes may share it, and each reads all answers then.
        case named(String)
    }

    /// The topic on which this process gets its answers. Defaults to one of its own.
    public var inbox: Inbox
    /// How long a request waits that does not say so. Defaults to 5 seconds; more than 0.
    public var timeout: Duration
    /// How many answers to one request may wait to be taken up; beyond that the request fails with `overflow`. Defaults to 1,024; at
    /// least 1.
    public var maximumBuffered: Int
    /// For how long after the requester has stopped waiting a handler still answers, by the broker's clock, since nobody reads that one
    /// exactly. Where the transport does not know it (see `BrokerClock`) a handler always answers. Defaults to 30 seconds; at least 0.
    public var grace: Duration
    /// How long to wait before a lost inbox is opened again. Defaults to 100 milliseconds up to 10 seconds.
    public var restart: Backoff

    /// Options with the given values.
    public init(
        inbox: Inbox = .perProcess, timeout: Duration = .seconds(5), maximumBuffered: Int = 1_024, grace: Duration = .seconds(30),
        restart: Backoff = .exponential(from: .milliseconds(100), upTo: .seconds(10))
    ) {
        self.inbox = inbox
        self.timeout = timeout
        self.maximumBuffered = maximumBuffered
        self.grace = grace
        self.restart = restart
    }

    /// Throws a `MillraceError` that names the field, its value and its bound.
    func validate() throws {
        let subject = "CQRS: ReplyOptions"
        if case .named(let topic) = inbox { try Naming.checkTopic(topic) }
        guard timeout > .zero else { throw MillraceError.invalidOption("timeout", timeout, bound: "more than 0", of: subject) }
        guard maximumBuffered >= 1 else {
            throw MillraceError.invalidOption("maximumBuffered", maximumBuffered, bound: "at least 1", of: subject)
        }
        try restart.validate(for: "\(subject): restart")
        guard grace >= .zero else { throw MillraceError.invalidOption("grace", grace, bound: "at least 0", of: subject) }
    }
}
