import Millrace

/// The open subscriptions of a transport, by what they wait for.
final class SubscriptionRegistry: Sendable {
    private struct Entry {
        let membership: Membership
        weak var fetcher: Fetcher?
    }

    private struct State {
        var entries: [Entry] = []
        /// How many subscriptions have everything that there is, and wait for more.
        var hungry = 0
    }

    private let state = Lock(State())

    var isAnyoneHungry: Bool { state.withLock { $0.hungry > 0 } }

    func countHungry(_ change: Int) { state.withLock { $0.hungry += change } }

    func add(_ fetcher: Fetcher, _ membership: Membership) {
        state.withLock { state in
            state.entries.removeAll { $0.fetcher == nil }
            state.entries.append(Entry(membership: membership, fetcher: fetcher))
        }
    }

    func remove(_ fetcher: Fetcher) { state.withLock { $0.entries.removeAll { $0.fetcher == nil || $0.fetcher === fetcher } } }

    /// Whether a member of a group is one of these.
    func contains(_ member: Int64) -> Bool {
        state.withLock { $0.entries.contains { $0.membership.member == member && $0.fetcher != nil } }
    }

    /// A topic has new messages.
    func noteMessages(in topic: Int64) { for fetcher in fetchers({ $0.membership.topic == topic }) { fetcher.look() } }

    /// A group has messages again that nobody has, or lanes that nobody is in.
    func noteFreed(in group: Int64) { for fetcher in fetchers({ $0.membership.group == group }) { fetcher.look() } }

    /// Somebody else has changed something.
    func noteChange() { for fetcher in fetchers({ _ in true }) { fetcher.look() } }

    private func fetchers(_ isMeant: (Entry) -> Bool) -> [Fetcher] {
        state.withLock { state in state.entries.compactMap { isMeant($0) ? $0.fetcher : nil } }
    }
}
