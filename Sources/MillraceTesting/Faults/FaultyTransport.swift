public import Millrace

/// Stands in front of a transport and lets things go wrong as planned, so that a service can be tested against a broker that
/// fails.
///
/// ```swift
/// let broker = FaultyTransport(MemoryTransport(), plan: [.losePublishReply: .nth(1), .cutSubscription: .every(100)])
/// ```
public final class FaultyTransport: Transport {
    private let base: any Transport
    private let injector: FaultInjector

    /// A transport with faults.
    ///
    /// - Parameters:
    ///   - base: The transport behind it. Closed together with this one.
    ///   - plan: What goes wrong, and when.
    ///   - seed: Where the plan's probabilities draw from.
    ///   - clock: Drives the plan's delays.
    public init(
        _ base: any Transport, plan: FaultPlan = [:], seed: UInt64 = 0, clock: any SchedulingClock = SystemClock.shared
    ) {
        self.base = base
        injector = FaultInjector(plan, seed: seed, clock: clock)
    }

    /// That of the transport behind it.
    public var system: String { base.system }

    /// Those of the transport behind it.
    public var capabilities: Capabilities { base.capabilities }

    /// Follows another plan from now on. The counts go on; an empty plan heals the transport, but not subscriptions that
    /// were cut.
    public func use(_ plan: FaultPlan) { injector.use(plan) }

    /// How often a fault has happened.
    public func count(of fault: Fault) -> Int { injector.count(of: fault) }

    /// Hands messages to the transport behind it, unless the plan says otherwise. See `Publisher.publish(_:to:)`.
    public func publish(_ messages: [Message], to topic: String) async throws {
        let faults = injector.faults(at: .publish)
        for case .delayPublish(let delay) in faults { try await injector.clock.sleep(for: delay) }
        if faults.contains(.failPublish) { throw Self.failure(of: messages, to: topic) }
        let refused = messages.indices.filter { _ in injector.faults(at: .message).contains(.refuseMessage) }
        guard !refused.isEmpty else {
            try await base.publish(messages, to: topic)
            if faults.contains(.losePublishReply) { throw Self.failure(of: messages, to: topic) }
            return
        }
        let accepted = messages.indices.filter { !refused.contains($0) }
        if !accepted.isEmpty { try await publish(accepted, of: messages, to: topic) }
        if faults.contains(.losePublishReply) { throw Self.failure(of: messages, to: topic) }
        throw Self.failure(of: messages, at: refused, to: topic)
    }

    /// Publishes some messages of a call; what fails is listed by its index in the call.
    private func publish(_ indices: [Int], of messages: [Message], to topic: String) async throws {
        do {
            try await base.publish(indices.map { messages[$0] }, to: topic)
        } catch let error as MillraceError where !error.failures.isEmpty {
            let refused = messages.indices.filter { !indices.contains($0) }
            let failures = error.failures.map { MillraceError.PublishFailure(index: indices[$0.index], error: $0.error) }
            throw MillraceError.publishFailed(
                (Self.failure(of: messages, at: refused, to: topic).failures + failures).sorted { $0.index < $1.index },
                of: messages.count, to: topic)
        }
    }

    /// Opens a subscription with faults. See `Subscriber.subscribe(to:_:)`.
    public func subscribe(to topic: String, _ options: SubscriptionOptions) async throws -> any Subscription {
        FaultySubscription(try await base.subscribe(to: topic, options), injector: injector)
    }

    /// Has the transport behind it tell one more observer.
    public func attach(_ observer: any Observer & AnyObject) { base.attach(observer) }

    /// Prepares the transport behind it.
    public func prepare(topic: String, group: String?) async throws { try await base.prepare(topic: topic, group: group) }

    /// Closes the transport behind it.
    public func close() async { await base.close() }

    /// What is thrown for the messages at `indices`; for all of them by default.
    private static func failure(of messages: [Message], at indices: [Int]? = nil, to topic: String) -> MillraceError {
        let error = FaultInjector.connectionFailed("topic '\(topic)'")
        let failures = (indices ?? Array(messages.indices)).map { MillraceError.PublishFailure(index: $0, error: error) }
        return .publishFailed(failures, of: messages.count, to: topic)
    }
}

extension FaultyTransport: BrokerClock {
    /// That of the transport behind it; nil when it has none.
    public var brokerTime: Int64? { (base as? any BrokerClock)?.brokerTime }
}
