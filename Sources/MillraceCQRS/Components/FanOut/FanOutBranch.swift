import Millrace

/// The messages of one consumer of a ``FanOut``: what waits for it, what its subscriptions hold, what is to come again.
///
/// It outlives the consumer's subscriptions, and is shared by all of them.
final class FanOutBranch: Sendable {
    let consumer: Int
    let buffer: DeliveryBuffer
    let ordered: Ordering
    /// The longest lease of a subscription.
    private let lease: Lock<Duration>
    private let keeper = Lock<Repetition?>(nil)

    /// - Parameter expired: Is given what was not settled in time, and is to be handed out again.
    init(
        _ consumer: Int, _ options: SubscriptionOptions, _ plan: FanOutPlan,
        expired: @escaping @Sendable ([DeliveryBuffer.Entry]) -> Void
    ) {
        self.consumer = consumer
        ordered = options.ordered
        lease = Lock(options.lease)
        // What is in flight is bounded in front of all branches; nobody asks a branch for room.
        buffer = DeliveryBuffer(prefetch: plan.prefetch, ordered: options.ordered, clock: plan.clock) {}
        let repetition = Repetition(every: options.lease / 4, of: plan.clock) { [weak self] in
            guard let self else { return }
            let entries = buffer.expire(lease: lease.withLock { $0 })
            if !entries.isEmpty { expired(entries) }
        }
        keeper.withLock { $0 = repetition }
    }

    /// One more subscription of the consumer. Throws a `MillraceError` when it wants an order that is not kept.
    func admit(_ options: SubscriptionOptions, of subject: String) throws {
        guard options.ordered == .byTransport || ordered == .byKey else {
            throw MillraceError.invalidOption(
                "ordered", options.ordered.rawValue, bound: "\(ordered.rawValue), as for the consumer's first subscription",
                of: "\(subject): consumer '\(options.group ?? "")'")
        }
        lease.withLock { $0 = max($0, options.lease) }
    }

    /// Forgets everything.
    func close() {
        keeper.withLock { $0 }?.cancel()
        _ = buffer.close()
    }
}
