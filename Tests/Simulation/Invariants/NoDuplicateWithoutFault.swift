/// A message is handled with success once, and once more at most for each thing that went wrong on its way: a copy, a lost
/// settlement, a lease that ran out, a process that died, an output that was not accepted.
struct NoDuplicateWithoutFault: Invariant {
    let name = "no duplicate without a fault"

    func check(_ occurrence: Occurrence, _ facts: Chronicle) -> String? {
        switch occurrence {
        case .ended(let call, .returned):
            let message = facts.calls[call].message
            guard let subject = facts.subjects[message] else { return nil }
            let count = subject.calls.count { facts.calls[$0].outcome == .returned }
            return count <= 1 + subject.excuses
                ? nil : "message \(message) was handled \(count) times, and \(subject.excuses) things went wrong"
        case .stored(let message, Scenario.poisonTopic):
            guard let subject = facts.subjects[message], subject.letters > 1 + subject.excuses else { return nil }
            return "message \(message) was poisoned \(subject.letters) times, and \(subject.excuses) things went wrong"
        default: return nil
        }
    }
}
