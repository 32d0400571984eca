public import Millrace

/// Reads a topic on behalf of a test: awaits messages, acknowledges them, and remembers what came.
///
/// ```swift
/// let probe = try await TopicProbe(of: "invoices", on: broker)
/// try await broker.publish(order, to: "orders")
/// let invoice = try await probe.next()
/// ```
public final class TopicProbe: Sendable {
    private let subscription: any Subscription
    private let received = Lock<[Message]>([])

    /// A probe that sees what is published to a topic from now on, or with a group what the group is given.
    ///
    /// - Throws: What `Subscriber.subscribe(to:_:)` throws.
    public init(of topic: String, on subscriber: any Subscriber, group: String? = nil) async throws {
        subscription = try await subscriber.subscribe(to: topic, SubscriptionOptions(group: group))
    }

    /// The topic that is read.
    public var topic: String { subscription.topic }

    /// The messages that have come so far, in order.
    public var messages: [Message] { received.withLock { $0 } }

    /// The next message, acknowledged.
    ///
    /// - Parameter limit: How long to wait in real time. Defaults to 60 seconds.
    /// - Throws: A `MillraceError` of code `deadlineExceeded` when no message came, one of code `closed` when the
    ///   subscription has ended, `CancellationError` when the task is cancelled.
    public func next(within limit: Duration = .seconds(60)) async throws -> Message {
        let count = messages.count
        return try await withTimeLimit(limit, "topic '\(self.topic)': message \(count + 1)") { [self] in try await pull() }
    }

    /// The next messages, in order, acknowledged. `limit` applies to each of them.
    public func collect(_ count: Int, within limit: Duration = .seconds(60)) async throws -> [Message] {
        var messages: [Message] = []
        while messages.count < count { messages.append(try await next(within: limit)) }
        return messages
    }

    /// Ends the subscription. Calling it again does nothing.
    public func close() async { await subscription.close() }

    private func pull() async throws -> Message {
        var batch = DeliveryBatch()
        guard try await subscription.pull(into: &batch, upTo: 1), let record = batch.records.first else {
            throw MillraceError(.closed, "topic '\(topic)': the subscription has ended", isRetriable: false)
        }
        subscription.acknowledge([record.token])
        received.withLock { $0.append(record.message) }
        return record.message
    }
}
