/// A service settles each delivery exactly once.
struct SettledOnce: Invariant {
    let name = "every delivery is settled once"

    func check(_ occurrence: Occurrence, _ facts: Chronicle) -> String? {
        guard case .settled(.service, let subscription, let token, let ending) = occurrence else { return nil }
        let name = Chronicle.DeliveryName(subscription: subscription, token: token)
        guard let count = facts.settlements[name], let message = facts.messages[name] else {
            return "subscription \(subscription) settled a delivery that it was not given"
        }
        return count > 1 ? "the delivery of message \(message) was \(ending) after it was settled" : nil
    }

    func conclude(_ facts: Chronicle) -> String? {
        for (name, count) in facts.settlements where count == 0 {
            guard let message = facts.messages[name], !facts.dead.contains(facts.subscriptions[name.subscription].world) else {
                continue
            }
            return "a delivery of message \(message) was never settled"
        }
        return nil
    }
}
