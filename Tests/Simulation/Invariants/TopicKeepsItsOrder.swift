import Millrace

/// Messages are handed out for the first time in the topic's order; and a single worker handles them for the first time in
/// that order, unless faults have changed it.
struct TopicKeepsItsOrder: Invariant {
    let name = "the topic keeps its order"

    func check(_ occurrence: Occurrence, _ facts: Chronicle) -> String? {
        let scenario = facts.scenario
        guard scenario.ordered == .byTransport else { return nil }
        switch occurrence {
        case .delivered(let message, .broker, _, _, _, let position):
            guard let topic = facts.subjects[message]?.topic, facts.isFirstDelivery(of: message),
                let highest = facts.highestPosition(in: topic, without: message), highest > position
            else { return nil }
            return "message \(message) at \(position) was first handed out after one at \(highest)"
        case .called(_, let message, _, _, _):
            guard scenario.concurrency == 1, scenario.members == 1, scenario.weather == .calm,
                let subject = facts.subjects[message], subject.calls.count == 1, let position = subject.position
            else { return nil }
            let later = facts.subjects.first { _, other in
                other.topic == subject.topic && !other.calls.isEmpty && (other.position ?? 0) > position
            }
            return later.map { "message \(message) was first handled after \($0.key), which comes later" }
        default: return nil
        }
    }
}
