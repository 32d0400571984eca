internal import Millrace

/// Moves messages from one topic to another one.
struct MessageMove: Sendable {
    let from: any Transport
    let source: String
    let to: any Transport
    let target: String
    let group: String
    let limit: Int?
    let idle: Duration
    let pacer: Pacer?
    let isDryRun: Bool
    let filter: MessageFilter
    let session: Session

    struct Report: Sendable, Codable {
        var moved = 0
        var left = 0
        /// Whether the end of the topic was seen.
        var isComplete = false
    }

    /// Moves until nothing has come for long. What the filter says no to is held until then, and given back.
    func run() async throws -> Report {
        try await from.requireTopic(source)
        let subscription = try await from.subscribe(
            to: source, SubscriptionOptions(group: group, prefetch: MessageReader.window, start: .beginning))
        let id = session.interruption.signal.whenFired { subscription.stopFetching() }
        defer { session.interruption.signal.forget(id) }
        do {
            let report = try await move(subscription)
            try await subscription.flush()
            await subscription.close()
            return report
        } catch {
            try? await subscription.flush()
            await subscription.close()
            throw error
        }
    }

    private func move(_ subscription: any Subscription) async throws -> Report {
        let clock = SystemClock.shared
        var report = Report()
        var batch = DeliveryBatch()
        var held: [DeliveryToken] = []
        var end = clock.now.advanced(by: idle)
        let producer = MessageProducer(broker: to, topic: target, batch: 256, pacer: pacer, session: session)
        while report.moved < limit ?? .max, held.count < MessageReader.window {
            let room = min(256, MessageReader.window - held.count, (limit ?? .max) - report.moved)
            guard try await subscription.pull(into: &batch, upTo: room, until: min(end, clock.now.advanced(by: .seconds(5))))
            else {
                guard !session.interruption.hasCome, clock.now < end else {
                    report.isComplete = !session.interruption.hasCome
                    break
                }
                subscription.renew(held)
                continue
            }
            end = clock.now.advanced(by: idle)
            let wanted = batch.records.filter { filter.accepts($0.message) }
            held += batch.records.filter { !filter.accepts($0.message) }.map(\.token)
            report.left += batch.count - wanted.count
            if isDryRun {
                held += wanted.map(\.token)
                report.moved += wanted.count
            } else {
                let accepted = try await producer.publish(wanted.map(\.message))
                subscription.acknowledge(wanted.prefix(accepted).map(\.token))
                report.moved += accepted
            }
            batch.removeAll()
        }
        return report
    }
}
