/// A message is acknowledged only when a handler has returned and the broker has its outputs, or when it lies in the poison topic;
/// and rejected only when it was given up. That nothing else vanishes, the simulation sees at its end.
struct NothingIsLost: Invariant {
    let name = "nothing is lost"

    func check(_ occurrence: Occurrence, _ facts: Chronicle) -> String? {
        guard case .settled(.broker, let subscription, let token, let ending) = occurrence,
            ending == .acknowledged || ending == .rejected,
            let message = facts.messages[.init(subscription: subscription, token: token)],
            let subject = facts.subjects[message]
        else { return nil }
        let calls = subject.calls.map { facts.calls[$0] }
        if ending == .rejected {
            let isGivenUp = calls.contains { $0.outcome == .failedForGood || $0.outcome == .failed }
            let isExhausted = subject.attempts + 1 >= facts.scenario.attempts
            return isGivenUp || isExhausted && facts.scenario.care == .maximumAttempts
                ? nil : "message \(message) was rejected after \(calls.count) calls, none of which failed"
        }
        if subject.letters > 0 { return nil }
        let isHandled = calls.contains { call in
            call.outcome == .returned && call.outputs.allSatisfy { facts.subjects[$0]?.isStored == true }
        }
        return isHandled ? nil : "message \(message) was acknowledged before its outputs were stored"
    }
}
