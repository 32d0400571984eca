/// No handler of a process runs more often at once than its concurrency allows.
struct ConcurrencyIsKept: Invariant {
    let name = "concurrency is kept"

    func check(_ occurrence: Occurrence, _ facts: Chronicle) -> String? {
        guard case .called(_, let message, let world, _, _) = occurrence, let topic = facts.subjects[message]?.topic else {
            return nil
        }
        let count = facts.running.count { $0.call.world == world && facts.subjects[$0.call.message]?.topic == topic }
        return count <= facts.scenario.concurrency
            ? nil : "world \(world) handles \(count) messages of '\(topic)' at once, with \(facts.scenario.concurrency) workers"
    }
}
