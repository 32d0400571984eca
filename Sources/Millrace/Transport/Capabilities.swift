/// What a transport can do. Checked when a handler is registered; what is missing is refused before anything runs.
public struct Capabilities: OptionSet, Sendable, Hashable, Codable {
    /// The bits.
    public let rawValue: UInt32
    /// Capabilities from their bits.
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// What was accepted survives the end of the process.
    public static let durable = Capabilities(rawValue: 1 << 0)
    /// Members of a consumer group share its messages.
    public static let groups = Capabilities(rawValue: 1 << 1)
    /// With one handler at a time, messages of a topic come in the order in which they were published.
    public static let ordered = Capabilities(rawValue: 1 << 2)
    /// `Ordering.byKey` is kept within a subscription.
    public static let orderedByKey = Capabilities(rawValue: 1 << 3)
    /// `Ordering.byKey` is kept across all members of a group.
    public static let orderedAcrossMembers = Capabilities(rawValue: 1 << 4)
    /// `retry(after:)` is done by the broker and outlives the process.
    public static let nativeDelay = Capabilities(rawValue: 1 << 5)
    /// `retry(after:)` works, by whatever means.
    public static let delayedRetry = Capabilities(rawValue: 1 << 6)
    /// Deliveries carry the number of attempts.
    public static let attemptCount = Capabilities(rawValue: 1 << 7)
    /// A new group can read what was published before it existed.
    public static let replay = Capabilities(rawValue: 1 << 8)
    /// Unsettled deliveries come back after their lease.
    public static let leases = Capabilities(rawValue: 1 << 9)
    /// Rejected messages go to a dead-letter topic.
    public static let deadLetters = Capabilities(rawValue: 1 << 10)
    /// Publishers wait while a subscriber lags.
    public static let backPressure = Capabilities(rawValue: 1 << 11)
    /// A new group, or a subscription without one, can begin at any position or time, also before it was opened.
    public static let startAtPosition = Capabilities(rawValue: 1 << 12)
    /// What was accepted has been flushed to the disk, and survives a power failure as well.
    public static let flushed = Capabilities(rawValue: 1 << 13)
    /// Deliveries can be acknowledged in one transaction with publishing what was made of them: see
    /// ``TransactionalSubscription``.
    public static let transactions = Capabilities(rawValue: 1 << 14)
    /// Members of a consumer group share what comes while they are there. A group without members gets nothing, which is less than
    /// ``groups``.
    public static let liveGroups = Capabilities(rawValue: 1 << 15)

    static let names: [(Capabilities, String)] = [
        (.durable, "durable"), (.groups, "groups"), (.ordered, "ordered"), (.orderedByKey, "orderedByKey"),
        (.orderedAcrossMembers, "orderedAcrossMembers"), (.nativeDelay, "nativeDelay"), (.delayedRetry, "delayedRetry"),
        (.attemptCount, "attemptCount"), (.replay, "replay"), (.leases, "leases"), (.deadLetters, "deadLetters"),
        (.backPressure, "backPressure"), (.startAtPosition, "startAtPosition"),
        (.flushed, "flushed"), (.transactions, "transactions"), (.liveGroups, "liveGroups"),
    ]
}

extension Capabilities: CustomStringConvertible {
    /// The names, separated by commas.
    public var description: String {
        Self.names.filter { contains($0.0) }.map(\.1).joined(separator: ", ")
    }
}
