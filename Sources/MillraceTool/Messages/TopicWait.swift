internal import Millrace

/// Waits for a topic that is not there yet, because subscribing to it would make it: a mistyped name is to leave nothing behind.
struct TopicWait: Sendable {
    let broker: any Transport
    let topic: String
    let session: Session
    private static let interval = Duration.milliseconds(200)

    enum Outcome { case wasThere, hasCome, isMissing }

    /// Waits for as long as nothing may come; for ever without a limit. Throws `CancellationError` when the tool is to end.
    func run(upTo limit: Duration?) async throws -> Outcome {
        // Where nothing is kept, who comes after the first message has missed it.
        guard broker.capabilities.contains(.replay), let directory = broker as? any TopicDirectory,
            try await !directory.hasTopic(topic)
        else { return .wasThere }
        session.complain("topic '\(topic)' is not there yet; waiting for it")
        let clock = SystemClock.shared
        let end = limit.map { clock.now.advanced(by: $0) }
        while try await !directory.hasTopic(topic) {
            if let end, clock.now >= end { return .isMissing }
            try await session.cancellingWhenInterrupted { try await clock.sleep(for: Self.interval) }
        }
        return .hasCome
    }
}
