import Millrace

/// The transactional ids of a transport's subscriptions. A subscription that follows another one gets its id, so that a transaction
/// which that one has left open ends at once; those that are there at the same time have different ones.
final class TransactionalIDs: Sendable {
    private let owner: String
    private let taken = Lock<Set<String>>([])

    /// Ids of a process; with a name for it, those of the process that had the name before.
    init(member: String?) { owner = member ?? "\(MessageID.next())" }

    func take(group: String, topic: String) -> String {
        taken.withLock { taken in
            var number = 0
            while true {
                let id = "millrace.\(group).\(topic).\(owner).\(number)"
                if taken.insert(id).inserted { return id }
                number += 1
            }
        }
    }

    func giveBack(_ id: String) { taken.withLock { _ = $0.remove(id) } }
}
