import Millrace

/// Publishes batches of a handler's messages somewhere else: one call for each topic.
///
/// What is accepted is acknowledged. What is not comes back after the handler's `redelivery`, by itself. What never can be accepted
/// is given up, as it is said for the relay, and holds up nothing.
struct Relay: Sendable {
    /// What becomes of a message.
    enum Step {
        case publish(Message, to: String)
        /// It is acknowledged.
        case skip
        /// It can't be published anywhere.
        case giveUp(reason: String)
    }

    /// The messages of a batch that go to a topic.
    private struct Share: Sendable {
        let topic: String
        var messages: [Message] = []
        /// For each message the index of its delivery in the batch.
        var origins: [Int] = []
    }

    /// How long a message stays away that was not accepted.
    let redelivery: Backoff
    /// Where messages go that are given up; nil to reject them.
    let letters: (topic: String, publisher: any Publisher)?
    /// What becomes of a message.
    let step: @Sendable (Delivery) -> Step

    func handle(_ batch: HandlerBatch, _ context: HandlerContext) async throws {
        guard let publisher = context.publisher else { return }
        var shares: [Share] = []
        var places: [String: Int] = [:]
        var hopeless: [(index: Int, reason: String)] = []
        for (index, delivery) in batch.enumerated() {
            switch step(delivery) {
            case .skip: break
            case .giveUp(let reason): hopeless.append((index, reason))
            case .publish(let message, let topic):
                let place = places[topic] ?? shares.endIndex
                if place == shares.endIndex {
                    shares.append(Share(topic: topic))
                    places[topic] = place
                }
                shares[place].messages.append(message)
                shares[place].origins.append(index)
            }
        }
        var failed: [Int: any Error] = [:]
        for (share, errors) in await Self.publish(shares, on: publisher) where !errors.isEmpty {
            for (index, error) in errors { failed[share.origins[index]] = error }
            if let error = errors.values.first {
                context.observers.report(.warning, .publishFailed(handler: context.handler, topic: share.topic, error: error))
            }
        }
        for (index, error) in failed where Self.isHopeless(error) {
            hopeless.append((index, "\(error)"))
            failed[index] = nil
        }
        try await giveUp(hopeless.sorted { $0.index < $1.index }, of: batch, context, failed: &failed)
        try settle(failed, of: batch, context)
    }

    // MARK: Publish

    /// Publishes to all topics at the same time: one that is slow does not hold up the others of a batch.
    private static func publish(_ shares: [Share], on publisher: any Publisher) async -> [(Share, [Int: any Error])] {
        if shares.count == 1 { return [(shares[0], await publish(shares[0], on: publisher))] }
        return await withTaskGroup(of: (Share, [Int: any Error]).self) { group in
            for share in shares { group.addTask { (share, await publish(share, on: publisher)) } }
            return await group.reduce(into: []) { $0.append($1) }
        }
    }

    /// Returns why messages were not accepted, by their index.
    private static func publish(_ share: Share, on publisher: any Publisher) async -> [Int: any Error] {
        do {
            try await publisher.publish(share.messages, to: share.topic)
            return [:]
        } catch {
            let known = (error as? MillraceError)?.failures ?? []
            guard known.isEmpty else {
                return Dictionary(known.map { ($0.index, $0.error) }, uniquingKeysWith: { first, _ in first })
                    .filter { share.messages.indices.contains($0.key) }
            }
            guard (error as? MillraceError)?.code == .invalidMessage, share.messages.count > 1 else {
                return Dictionary(uniqueKeysWithValues: share.messages.indices.map { ($0, error) })
            }
            // Nothing was accepted because of one of them; the others are not to suffer for it.
            var errors: [Int: any Error] = [:]
            for (index, message) in share.messages.enumerated() {
                do {
                    try await publisher.publish([message], to: share.topic)
                } catch {
                    errors[index] = (error as? MillraceError)?.failures.first?.error ?? error
                }
            }
            return errors
        }
    }

    /// Whether no other attempt can help. All else can be mended: a closed transport, a password that is refused.
    private static func isHopeless(_ error: any Error) -> Bool {
        guard let error = error as? MillraceError, !error.isRetriable else { return false }
        return error.code == .invalidMessage || error.code == .invalidTopic
    }

    // MARK: Settle

    private func giveUp(
        _ hopeless: [(index: Int, reason: String)], of batch: HandlerBatch, _ context: HandlerContext,
        failed: inout [Int: any Error]
    ) async throws {
        guard !hopeless.isEmpty else { return }
        guard let letters else {
            for (index, reason) in hopeless {
                report(reason, batch[index], context)
                batch.settle(batch[index], .reject(reason: reason))
            }
            return
        }
        let now = context.clock.unixMilliseconds
        let messages = hopeless.map { index, reason in
            DeadLetter(
                rejected: batch[index].message, reason: reason, topic: context.topic, group: context.group,
                transport: context.system, attempts: batch[index].attempt, at: now
            ).letter
        }
        let share = Share(topic: letters.topic, messages: messages, origins: hopeless.map(\.index))
        let errors = await Self.publish(share, on: letters.publisher)
        for (place, (index, reason)) in hopeless.enumerated() {
            if let error = errors[place] { failed[index] = error } else { report(reason, batch[index], context) }
        }
    }

    private func report(_ reason: String, _ delivery: Delivery, _ context: HandlerContext) {
        context.observers.report(
            .error, .messageRejected(handler: context.handler, id: delivery.message.id, reason: reason))
    }

    /// Has those come back that were not accepted; the rest of the batch is acknowledged.
    private func settle(_ failed: [Int: any Error], of batch: HandlerBatch, _ context: HandlerContext) throws {
        guard !failed.isEmpty else { return }
        if Task.isCancelled {
            // The time to drain has run out: what is not there goes back as if it had not been tried.
            for index in failed.keys.sorted() { batch.settle(batch[index], .release) }
            return
        }
        for (index, _) in failed.sorted(by: { $0.key < $1.key }) {
            let delay = redelivery.delay(after: batch[index].attempt, random: context.random)
            batch.settle(batch[index], .retry(after: delay))
        }
    }
}
