public import Millrace

/// How a ``CQRS`` writes, reads and answers.
public struct CQRSOptions: Sendable {
    /// The codecs. Default to JSON for everything.
    public var codecs: any CodecFamily
    /// What becomes of messages that can't be read. Defaults to rejecting them.
    public var unreadable: UnreadablePolicy
    /// Calls at the points that every command and event passes. Default to none.
    public var hooks: CQRSHooks
    /// How requests are answered.
    public var replies: ReplyOptions
    /// What keeps messages that are to leave later. Defaults to nil: the transport itself, if it is a `DelayedPublisher`. For those that
    /// are none, an ``Outbox`` in a file of SQLite, with a ``Forwarder``.
    public var delays: (any DelayedPublisher)?
    /// The clock that requests and delays are told by.
    public var clock: any SchedulingClock
    /// Who is told what happens to the reply inbox, and of requests that came too late to be answered. Defaults to warnings and errors on
    /// standard error.
    public var observers: Observers

    /// Options with the given values.
    public init(
        codecs: any CodecFamily = JSONCodecs(), unreadable: UnreadablePolicy = .init(), hooks: CQRSHooks = .init(),
        replies: ReplyOptions = .init(), delays: (any DelayedPublisher)? = nil, clock: any SchedulingClock = SystemClock.shared,
        observers: Observers = .standard
    ) {
        self.codecs = codecs
        self.unreadable = unreadable
        self.hooks = hooks
        self.replies = replies
        self.delays = delays
        self.clock = clock
        self.observers = observers
    }
}
