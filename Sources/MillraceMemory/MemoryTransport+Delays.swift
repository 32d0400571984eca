public import Millrace

extension MemoryTransport: DelayedPublisher {
    /// Publishes messages after a delay of the transport's clock. What waits is gone when the transport is closed, as all that it holds.
    ///
    /// When their time has come, messages wait for no room: a consumer group then holds more than its capacity, unless the overflow
    /// policy is to drop. Without a delay it is `publish(_:to:)`.
    ///
    /// Throws a `MillraceError` of code `publishFailed`, with `overflow` behind it, when more than ``MemoryOptions/maximumDelayed``
    /// messages would wait; nothing is kept then. For the rest see `DelayedPublisher`.
    public func publish(_ messages: [Message], to topic: String, after delay: Duration) async throws {
        guard delay > .zero else { return try await publish(messages, to: topic) }
        try keep(messages, for: try registry.topic(topic), delay)
    }

    private func keep(_ messages: [Message], for topic: MemoryTopic, _ delay: Duration) throws {
        for message in messages { try Naming.check(message) }
        guard !messages.isEmpty else { return }
        let limit = registry.options.maximumDelayed
        let isKept = try registry.delayed.keep(messages.count, limit: limit, for: delay, of: registry.clock) {
            topic.storeDue(messages)
        }
        guard !isKept else { return }
        let error = MillraceError(
            .overflow,
            "topic '\(topic.name)': the transport would hold more than \(limit) delayed messages, which is maximumDelayed",
            isRetriable: true)
        throw MillraceError.publishFailed(all: messages.count, to: topic.name, error)
    }
}

extension MemoryTopic {
    /// Stores messages whose time has come. Nobody waits for room here, so what is not to be dropped goes beyond the capacity.
    func storeDue(_ messages: [Message]) {
        do {
            guard options.overflow == .dropOldest else {
                _ = try store(messages, from: 0, latch: nil, beyondCapacity: options.overflow != .dropNewest)
                return
            }
            var stored = 0
            while stored < messages.count {
                let (next, full) = try store(messages, from: stored, latch: nil, beyondCapacity: false)
                stored = next
                guard stored < messages.count, !makeRoom(in: full) else { continue }
                try storeWhereRoom(messages[stored], receipt: nil)
                stored += 1
            }
        } catch {
            // Closed meanwhile: what is in memory is gone.
        }
    }
}
