public import Millrace

/// A transport under test: how to reach it, and what it promises.
///
/// ```swift
/// let subject = ConformanceSubject("redis", capabilities: [.durable, .groups]) {
///     try await RedisTransport(url: "redis://127.0.0.1:6379")
/// }
/// ```
public struct ConformanceSubject: Sendable {
    /// The name that failures carry.
    public var name: String
    /// What the transport promises. The suite fails when a transport states something else, and skips, aloud, what needs
    /// more than this.
    public var capabilities: Capabilities
    /// Whether each transport that ``connect`` makes reaches the same messages. Defaults to true; false for a broker that
    /// lives inside its transport. Then one transport plays all parts.
    public var sharesBroker = true
    /// Whether a member of a group fetches messages before it is asked for them, and keeps them until it is asked or closed.
    /// Defaults to true.
    public var fetchesAhead = true
    /// Whether members of a group share a topic by its partitions: what a busy member holds up waits for that member. Defaults
    /// to false.
    public var sharesByPartition = false
    /// Whether the broker keeps what was acknowledged in a transaction. Defaults to true; false for a stand-in for the real one.
    public var keepsTransactions = true
    /// How many messages a topic takes before somebody settles one: 0 when publishing waits for acknowledgements. Defaults
    /// to no bound.
    public var capacity = Int.max
    /// The largest payload to try, in bytes. Defaults to 4 KiB less than 1 MiB: what brokers that take 1 MiB with everything around it
    /// have room for.
    public var maximumPayload = (1 << 20) - 4_096
    /// How long to wait for something that has to come, in real time. Defaults to 15 seconds.
    public var idleTimeout = Duration.seconds(15)
    /// How long to wait to see that nothing comes. Defaults to 50 milliseconds; a manual clock makes it exact.
    public var quietTime = Duration.milliseconds(50)
    /// The least lease that the transport keeps in time. Defaults to 1 second, so that a busy machine
    /// does not outlast it.
    public var lease = Duration.seconds(1)
    /// The clock that the transports live by, if a test moves it by hand.
    public var manualClock: ManualClock?
    /// The dead-letter topic of a topic. Defaults to the suffix `.dead-letter`.
    public var deadLetterTopic: @Sendable (String) -> String = { "\($0).dead-letter" }
    /// Stops the broker and starts it again; nil when the suite can't do that.
    public var restart: (@Sendable () async throws -> Void)?
    /// Makes a topic's or a group's name from a hint, unlike all others. Defaults to the hint with a UUID.
    public var uniqueName: @Sendable (String) -> String = { "\($0)-\(MessageID.next())" }
    /// Whether the topics of a check are removed when it has ended, where the transport is a `TransportAdministration`. Defaults to
    /// false, for brokers that are there for the tests alone.
    public var removesTopics = false
    /// Is given a line for each check that is skipped. Defaults to printing it.
    public var log: @Sendable (String) -> Void = { print($0) }
    /// Makes a transport. The suite closes it.
    public var connect: @Sendable () async throws -> any Transport

    /// A subject with the given transport, and defaults for the rest.
    public init(
        _ name: String, capabilities: Capabilities, connect: @escaping @Sendable () async throws -> any Transport
    ) {
        self.name = name
        self.capabilities = capabilities
        self.connect = connect
    }

    /// The most messages that the suite publishes to fill a topic.
    static let reachableCapacity = 10_000

    var clock: any SchedulingClock { manualClock ?? SystemClock.shared }
}

/// What a check needs of a subject besides `Capabilities`.
struct ConformanceNeeds: Sendable {
    /// How many messages the check publishes before anybody settles one.
    var room = 0
    /// Publishers have to wait at a number of messages that the suite can reach.
    var reachableCapacity = false
    /// Publishers have to wait until their messages are acknowledged.
    var waitingPublishers = false
    var sharedBroker = false
    /// Members fetch nothing before they are asked.
    var fetchOnDemand = false
    var restart = false
    /// Whatever one member can't take goes to another.
    var sharesMessageByMessage = false
    /// What was acknowledged in a transaction is acknowledged for whoever follows.
    var keptTransactions = false

    /// Why a check can't run on a subject; nil when it can.
    func missing(in subject: ConformanceSubject, capabilities: Capabilities) -> String? {
        let absent = capabilities.subtracting(subject.capabilities)
        if !absent.isEmpty { return "it does not declare: \(absent)" }
        if subject.capacity < room { return "it takes \(subject.capacity) messages unsettled, not \(room)" }
        if reachableCapacity, subject.capacity > ConformanceSubject.reachableCapacity {
            return "its capacity is beyond reach: \(subject.capacity)"
        }
        if waitingPublishers, subject.capacity > 0 { return "publishing does not wait for acknowledgements" }
        if sharedBroker, !subject.sharesBroker { return "its transports do not share a broker" }
        if fetchOnDemand, subject.fetchesAhead { return "its members fetch ahead" }
        if sharesMessageByMessage, subject.sharesByPartition { return "its members share by partitions" }
        if keptTransactions, !subject.keepsTransactions { return "its broker does not keep what is acknowledged in transactions" }
        if restart, subject.restart == nil { return "its broker can't be restarted" }
        return nil
    }
}
