import MillraceTransportKit

/// How a memory transport buffers and forgets.
public struct MemoryOptions: Sendable, Hashable {
    /// What happens when a consumer group has no room for a message.
    public enum Overflow: String, Sendable, Hashable, Codable {
        /// The publisher waits until there is room.
        case wait
        /// The publisher gets a `MillraceError` of code `publishFailed` with `overflow` behind it.
        case refuse
        /// The oldest message that nobody has is dropped for that group, and reported; the new one when all the others are
        /// handed out or wait for the delay of a retry.
        case dropOldest
        /// The new message is dropped for that group, and reported.
        case dropNewest
    }

    /// What is kept for consumer groups that come later.
    public enum Retention: Sendable, Hashable {
        /// Nothing: what nobody subscribes to is gone.
        case none
        /// As long as a topic has no subscriber at all, its last `capacity` messages; the first consumer group gets them.
        case untilClaimed
        /// Always the last messages of each topic, this many.
        case last(Int)
        /// Everything. Memory grows with every message.
        case all
    }

    /// Where rejected messages go.
    public enum DeadLetters: Sendable, Hashable {
        /// To the topic whose name is that of the original with this suffix.
        case topicSuffix(String)
        /// Nowhere: they are dropped, and reported.
        case drop
    }

    /// When `publish` returns.
    public enum PublishReturn: String, Sendable, Hashable, Codable {
        /// When all groups have the messages in their buffers.
        case whenStored
        /// When all groups have acknowledged or rejected the messages. Cancelling the task, a timeout, or closing the
        /// transport ends the wait with a `MillraceError` whose `failures` list what was not acknowledged by then. A
        /// group that is forgotten is not waited for. Inside a handler it returns when they are stored, because a handler
        /// that waits for handlers may wait for itself.
        case whenAcknowledged
    }

    /// The most messages that a consumer group holds, in flight ones included. Defaults to 1,024; at least 1.
    public var capacity: Int
    /// Defaults to ``Overflow/wait``.
    public var overflow: Overflow
    /// Defaults to ``Retention/untilClaimed``.
    public var retention: Retention
    /// Defaults to the suffix `.dead-letter`.
    public var deadLetters: DeadLetters
    /// Defaults to ``PublishReturn/whenStored``.
    public var publishReturns: PublishReturn
    /// The most messages of all topics that wait to be published later. They count towards nothing else. Defaults to 65,536; at least 1.
    public var maximumDelayed: Int

    /// Options with the given values.
    public init(
        capacity: Int = 1_024, overflow: Overflow = .wait, retention: Retention = .untilClaimed,
        deadLetters: DeadLetters = .topicSuffix(".dead-letter"), publishReturns: PublishReturn = .whenStored,
        maximumDelayed: Int = 65_536
    ) {
        self.capacity = capacity
        self.overflow = overflow
        self.retention = retention
        self.deadLetters = deadLetters
        self.publishReturns = publishReturns
        self.maximumDelayed = maximumDelayed
    }

    /// Throws a `MillraceError` of code `invalidOption` that names the field, its value and its bound.
    public func validate() throws { try Self.table.validate(self) }

    /// Whether messages are kept even while there are subscribers.
    var alwaysRetains: Bool {
        switch retention {
        case .none, .untilClaimed: false
        case .last, .all: true
        }
    }

    /// How many messages a topic keeps for groups to come.
    func retained(hasSubscribers: Bool) -> Int {
        switch retention {
        case .none: 0
        case .untilClaimed: hasSubscribers ? 0 : capacity
        case .last(let count): count
        case .all: .max
        }
    }
}
