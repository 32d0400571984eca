/// No output is published unless its handler has returned, and none of a call is published twice.
struct OutputsFollowTheirHandler: Invariant {
    let name = "outputs follow their handler"

    func check(_ occurrence: Occurrence, _ facts: Chronicle) -> String? {
        guard case .offered(let message, let topic) = occurrence, topic == Scenario.outputTopic,
            let parent = facts.subjects[message]?.parent
        else { return nil }
        guard facts.calls[parent].outcome == .returned else {
            return "message \(message) was published before call \(parent), which made it, had returned"
        }
        guard facts.offers(of: message, to: topic) == 1 else { return "message \(message) of call \(parent) was published twice" }
        return nil
    }
}
