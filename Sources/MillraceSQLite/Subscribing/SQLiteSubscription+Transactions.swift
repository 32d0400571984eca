import Millrace
import MillraceTransportKit

/// The file is the transaction: outputs become rows, and the claims of inputs go, in one commit.
extension SQLiteSubscription: TransactionalSubscription {
    func commit(_ outputs: [TopicMessages], acknowledging tokens: [DeliveryToken]) async throws {
        for output in outputs {
            try Naming.checkTopic(output.topic)
            for message in output.messages { try Naming.check(message) }
        }
        let positions = buffer.positions(of: tokens)
        guard positions.count == tokens.count else {
            throw over(tokens.count - positions.count, of: tokens.count)
        }
        let (core, membership) = (core, membership)
        let topics = try await core.perform { [self] store in
            for position in positions {
                // Whoever has a claim is the one who may end it: this member, or another one after its lease.
                let place = Int64(position.low)
                guard try store.claims.delete(place...place, of: membership.group, by: membership.member) == 1 else {
                    throw over(1, of: positions.count)
                }
            }
            var topics: Set<Int64> = []
            for output in outputs {
                let id = try store.topics.id(of: output.topic)
                try store.messages.append(output.messages, to: id, at: core.clock.unixMilliseconds)
                topics.insert(id)
            }
            return topics
        }
        _ = buffer.finish(tokens)
        for topic in topics { core.registry.noteMessages(in: topic) }
        core.registry.noteFreed(in: membership.group)
    }

    private func over(_ count: Int, of all: Int) -> MillraceError {
        MillraceError(.invalidState, "topic '\(topic)': \(count) of \(all) deliveries are over", isRetriable: true)
    }
}
