/// Opens subscriptions to topics.
public protocol Subscriber: Sendable {
    /// What this transport can and can't do.
    var capabilities: Capabilities { get }

    /// Opens a subscription. When this returns, messages published from now on will reach it.
    ///
    /// Throws a ``MillraceError``: `invalidTopic`, `invalidOption`, `unsupported`, `closed`, or `connectionFailed`.
    func subscribe(to topic: String, _ options: SubscriptionOptions) async throws -> any Subscription

    /// Has one more observer told of what happens in the transport from now on; one that is told already is not told twice.
    /// Does nothing unless the transport has it otherwise.
    func attach(_ observer: any Observer & AnyObject)
}

extension Subscriber {
    /// Does nothing.
    public func attach(_ observer: any Observer & AnyObject) {}
}

/// A broker: publisher and subscriber in one, with a life of its own.
public protocol Transport: Publisher, Subscriber {
    /// The name of the messaging system, as OpenTelemetry knows it: `kafka`, `redis`, `memory`, ...
    var system: String { get }

    /// Makes sure that a topic exists, and in it the consumer group, so that what is published from now on is kept for the
    /// group. A transport that needs no preparation does nothing.
    func prepare(topic: String, group: String?) async throws

    /// Closes all subscriptions and refuses further calls with a ``MillraceError`` of code `closed`. What was taken and not
    /// settled goes back. Calling it again does nothing.
    func close() async
}

extension Subscriber {
    /// Runs `body` with a subscription's deliveries and closes the subscription when it returns or throws.
    ///
    /// ```swift
    /// try await broker.withSubscription(to: "orders", group: "ledger") { deliveries in
    ///     for try await delivery in deliveries {
    ///         try await post(delivery.message)
    ///         delivery.acknowledge()
    ///     }
    /// }
    /// ```
    ///
    /// - Parameters:
    ///   - topic: The topic to read.
    ///   - group: The consumer group whose messages to share; nil for a copy of everything from now on.
    ///   - options: Everything else about the subscription; its group is replaced by `group`.
    ///   - body: Reads the deliveries. Cancelling the task ends the sequence with `CancellationError`.
    public func withSubscription<Result>(
        to topic: String, group: String? = nil, _ options: SubscriptionOptions = .init(),
        _ body: (Deliveries) async throws -> Result
    ) async throws -> Result {
        var options = options
        options.group = group
        let subscription = try await subscribe(to: topic, options)
        do {
            let result = try await SubscriptionScope.$current.withValue(subscription) {
                try await body(Deliveries(of: subscription))
            }
            await subscription.close()
            return result
        } catch {
            await subscription.close()
            throw error
        }
    }
}
