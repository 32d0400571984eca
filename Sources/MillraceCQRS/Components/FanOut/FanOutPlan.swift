import Millrace
import MillraceTransportKit

/// What a ``FanOut`` was made with.
struct FanOutPlan: Sendable {
    let topic: String
    let subscriber: any Subscriber
    let group: String
    let consumers: [String]
    let prefetch: Int
    let lease: Duration
    let start: StartPosition?
    let clock: any SchedulingClock
    let observers: AttachableObservers

    var subject: String { "fan-out of '\(topic)'" }

    /// What the transport can do, but for what a consumer behind the fan-out can't have.
    var capabilities: Capabilities {
        subscriber.capabilities
            .subtracting([.transactions, .nativeDelay, .replay, .startAtPosition])
            .union([.delayedRetry, .leases])
    }

    /// Throws a `MillraceError` that names the fan-out, the field, its value and its bound.
    func validate() throws {
        try Naming.checkTopic(topic)
        guard !consumers.isEmpty, consumers.count <= FanOutLedger.maximumConsumers else {
            throw MillraceError.invalidOption(
                "to", "\(consumers.count) consumers", bound: "1 to \(FanOutLedger.maximumConsumers)", of: subject)
        }
        if let twice = consumers.firstRepeated {
            throw MillraceError.invalidOption("to", "with '\(twice)' twice", bound: "different consumers", of: subject)
        }
        for consumer in consumers { try SubscriptionOptions(group: consumer).validate() }
        try subscription(ordered: .byTransport).validate()
        guard !subscriber.capabilities.isDisjoint(with: [.groups, .liveGroups]) else {
            throw MillraceError(
                .unsupported,
                "\(subject) needs a transport that can '\(Capabilities.groups)'; it can: \(subscriber.capabilities)",
                isRetriable: false)
        }
        if let start, start.isArbitrary(inGroup: true), !subscriber.capabilities.contains(.startAtPosition) {
            throw MillraceError(
                .unsupported,
                "\(subject): start is \(start), which needs a transport that can '\(Capabilities.startAtPosition)'; "
                    + "it can: \(subscriber.capabilities)", isRetriable: false)
        }
    }

    /// Which consumer wants to subscribe. Throws a `MillraceError` when it can't be one.
    func consumer(of topic: String, _ options: SubscriptionOptions) throws -> Int {
        try options.validate()
        guard topic == self.topic else {
            throw MillraceError(
                .unsupported, "\(subject): topic is '\(topic)', it must be '\(self.topic)': a fan-out has one topic",
                isRetriable: false)
        }
        let names = consumers.map { "'\($0)'" }.joined(separator: ", ")
        guard let group = options.group else {
            throw MillraceError.invalidOption("group", "nil", bound: "one of its consumers: \(names)", of: subject)
        }
        guard let index = consumers.firstIndex(of: group) else {
            throw MillraceError.invalidOption("group", "'\(group)'", bound: "one of its consumers: \(names)", of: subject)
        }
        if let start = options.start {
            throw MillraceError(
                .unsupported,
                "\(subject): consumer '\(group)': start is \(start), it must be nil: the fan-out has a start for all",
                isRetriable: false)
        }
        return index
    }

    /// The subscription that all consumers share.
    func subscription(ordered: Ordering) -> SubscriptionOptions {
        SubscriptionOptions(group: group, prefetch: prefetch, ordered: ordered, lease: lease, start: start)
    }
}
