/// Only what has used up its attempts, or failed for good, goes to the poison topic or to the dead letters; and with middleware
/// that has a poison topic, nothing goes to the dead letters.
struct PoisonIsDeserved: Invariant {
    let name = "poison is deserved"

    func check(_ occurrence: Occurrence, _ facts: Chronicle) -> String? {
        guard case .offered(let message, Scenario.poisonTopic) = occurrence, let subject = facts.subjects[message] else {
            return nil
        }
        let isDeserved = subject.calls.map { facts.calls[$0] }.contains { call in
            call.outcome == .failedForGood || call.outcome == .failed && call.attempt >= facts.scenario.attempts
        }
        return isDeserved ? nil : "message \(message) went to the poison topic before its attempts were used up"
    }

    func conclude(_ facts: Chronicle) -> String? {
        let isPoisoned = facts.scenario.care != .maximumAttempts
        for (message, subject) in facts.subjects.sorted(by: { $0.key < $1.key }) where subject.isDone {
            if isPoisoned, subject.isRejected { return "message \(message) was rejected, although there is a poison topic" }
            let isHandled = subject.calls.contains { facts.calls[$0].outcome == .returned }
            if isPoisoned, !isHandled, subject.letters == 0 { return "message \(message) failed and is not in the poison topic" }
        }
        return nil
    }
}
