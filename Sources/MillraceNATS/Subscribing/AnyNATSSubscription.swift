import Millrace

/// Any of the transport's subscriptions.
final class AnyNATSSubscription: SubscriptionWrapper {
    let base: any Subscription
    init(_ base: any Subscription) { self.base = base }
}
