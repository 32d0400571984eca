import Millrace

/// Under `.byKey` a message is handed out only when all before it of its key are done, also across retries, kills and
/// shutdowns; and no two calls for a key run at once.
struct KeysKeepTheirOrder: Invariant {
    let name = "keys keep their order"

    func check(_ occurrence: Occurrence, _ facts: Chronicle) -> String? {
        guard facts.scenario.ordered == .byKey else { return nil }
        switch occurrence {
        case .delivered(let message, .broker, _, _, _, let position): return delivered(message, position, facts)
        case .called(_, let message, _, _, _): return called(message, facts)
        default: return nil
        }
    }

    private func delivered(_ message: Int, _ position: UInt64, _ facts: Chronicle) -> String? {
        guard let subject = facts.subjects[message] else { return nil }
        for (other, before) in facts.subjects where other != message && before.topic == subject.topic {
            guard before.key == subject.key, let place = before.position else { continue }
            if place < position, !before.isDone {
                return "message \(message) was handed out while \(other), before it and of its key, was not done"
            }
            if place > position { return "message \(message) was handed out after \(other), which comes later in its key" }
        }
        return nil
    }

    private func called(_ message: Int, _ facts: Chronicle) -> String? {
        guard let subject = facts.subjects[message], subject.excuses == 0 else { return nil }
        for (call, other) in facts.running where other.message != message {
            guard let beside = facts.subjects[other.message], beside.topic == subject.topic, beside.key == subject.key,
                beside.excuses == 0
            else { continue }
            return "message \(message) was handled while call \(call) for \(other.message), of its key, was running"
        }
        return nil
    }
}
