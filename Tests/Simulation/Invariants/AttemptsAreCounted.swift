/// A delivery's attempt is one more than the deliveries before it that counted; a handler's, one more than the calls before
/// it, as long as nothing went wrong on the way and one process handles them.
struct AttemptsAreCounted: Invariant {
    let name = "attempts are counted"

    func check(_ occurrence: Occurrence, _ facts: Chronicle) -> String? {
        switch occurrence {
        case .delivered(let message, .broker, _, _, let attempt, _):
            guard let subject = facts.subjects[message], attempt != subject.attempts + 1 else { return nil }
            return "message \(message) came as attempt \(attempt), and \(subject.attempts) came before it"
        case .called(let call, let message, let world, let attempt, let deliveryAttempt):
            guard let subject = facts.subjects[message], subject.excuses == 0 else { return nil }
            guard deliveryAttempt == subject.attempts + 1 else {
                return "call \(call) for message \(message) was told of delivery \(deliveryAttempt), not \(subject.attempts + 1)"
            }
            let before = subject.calls.dropLast()
            guard before.allSatisfy({ facts.calls[$0].world == world }), attempt != before.count + 1 else { return nil }
            return "call \(call) for message \(message) was told of attempt \(attempt), it was the \(before.count + 1)th"
        default: return nil
        }
    }
}
