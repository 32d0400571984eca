internal import Millrace

/// Prints the messages of a topic as they come.
///
/// What is printed is acknowledged after the output has taken it, so that whoever kills the tool loses nothing.
struct MessageReader: Sendable {
    let broker: any Transport
    let topic: String
    let options: SubscriptionOptions
    let format: MessageFormat
    /// The most messages to print; nil for no limit.
    let limit: Int?
    /// How long nothing may come before it ends; nil for ever.
    let idle: Duration?
    /// Whether messages stay where they are.
    let isPeeking: Bool
    let session: Session

    /// The most messages that are held and looked at.
    static let window = 10_000

    /// Reads until the limit is reached, nothing has come for long, or the tool is to end. Returns how many were printed.
    func run() async throws -> Int {
        var options = options
        switch try await TopicWait(broker: broker, topic: topic, session: session).run(upTo: idle) {
        case .isMissing: return 0
        // All that is in it has come since.
        case .hasCome: if options.start == nil || options.start == .now { options.start = .beginning }
        case .wasThere: break
        }
        options.prefetch = min(limit ?? .max, isPeeking ? Self.window : 1_024)
        let subscription = try await broker.subscribe(to: topic, options)
        let id = session.interruption.signal.whenFired { subscription.stopFetching() }
        defer { session.interruption.signal.forget(id) }
        do {
            let count = try await print(subscription)
            try await subscription.flush()
            await subscription.close()
            return count
        } catch {
            // What was printed is not to be printed once more because of a failure after it.
            try? await subscription.flush()
            await subscription.close()
            throw error
        }
    }

    private func print(_ subscription: any Subscription) async throws -> Int {
        let clock = SystemClock.shared
        let limit = min(limit ?? .max, isPeeking ? Self.window : .max)
        var batch = DeliveryBatch()
        var held: [DeliveryToken] = []
        var count = 0
        var lastArrival = clock.now
        while count < limit {
            let end = idle.map { lastArrival.advanced(by: $0) }
            // What is held has to be renewed now and then.
            let renewal = isPeeking ? clock.now.advanced(by: options.lease / 3) : nil
            let deadline = [end, renewal].compactMap { $0 }.min()
            guard try await subscription.pull(into: &batch, upTo: min(256, limit - count), until: deadline) else {
                guard let renewal, clock.now >= renewal, !session.interruption.hasCome else { break }
                subscription.renew(held)
                continue
            }
            lastArrival = clock.now
            session.output.append { bytes in
                for record in batch.records { format.append(record, of: topic, to: &bytes) }
            }
            try session.output.flush()
            let tokens = batch.records.map(\.token)
            if isPeeking { held += tokens } else { subscription.acknowledge(tokens) }
            count += batch.count
            batch.removeAll()
        }
        return count
    }
}
