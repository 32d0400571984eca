/// No subscription has more deliveries out than its prefetch allows.
struct PrefetchIsKept: Invariant {
    let name = "prefetch is kept"

    func check(_ occurrence: Occurrence, _ facts: Chronicle) -> String? {
        guard case .delivered(_, .broker, let subscription, _, _, _) = occurrence else { return nil }
        let count = facts.subjects.values.reduce(0) { $0 + $1.out.count { $0.subscription == subscription } }
        return count <= facts.scenario.prefetch
            ? nil : "subscription \(subscription) has \(count) deliveries out, and its prefetch is \(facts.scenario.prefetch)"
    }
}
