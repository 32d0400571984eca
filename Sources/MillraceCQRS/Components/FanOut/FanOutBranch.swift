import Millrace
import MillraceTransportKit

/// The messages of one consumer of a ``FanOut``: what waits for it, what its subscriptions hold, what is to come again.
///
/// It outlives the consumer's subscriptions, and is shared by all of them.
struct FanOutBranch: Sendable {
    let consumer: Int
    let buffer: DeliveryBuffer
    let ordered: Ordering

    /// A branch for a consumer whose first subscription has these options.
    init(_ consumer: Int, _ options: SubscriptionOptions, _ plan: FanOutPlan) {
        self.consumer = consumer
        ordered = options.ordered
        // What is in flight is bounded in front of all branches; nobody asks a branch for room.
        buffer = DeliveryBuffer(prefetch: plan.prefetch, ordered: options.ordered, clock: plan.clock) {}
    }

    /// Throws a `MillraceError` when one more subscription wants an order that is not kept.
    func check(_ options: SubscriptionOptions, of subject: String) throws {
        guard options.ordered == .byTransport || ordered == .byKey else {
            throw MillraceError.invalidOption(
                "ordered", options.ordered.rawValue, bound: "\(ordered.rawValue), as for the consumer's first subscription",
                of: "\(subject): consumer '\(options.group ?? "")'")
        }
    }
}
