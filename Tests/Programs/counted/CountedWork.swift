import Millrace

/// What can be done with a topic of a transport, so many times.
struct CountedWork: Sendable {
    let broker: any Transport
    var topic = "counted-in"
    let group = "counted"

    /// Bytes of a payload.
    private static let size = 64

    func subscribe() async throws -> any Subscription {
        try await broker.subscribe(to: topic, SubscriptionOptions(group: group, prefetch: 4_096))
    }

    /// Publishes so many messages, at most so many in a call.
    @concurrent func publish(_ count: Int, inCallsOf size: Int) async throws {
        if size == 1 {
            for _ in 0..<count { try await broker.publish(message(), to: topic) }
            return
        }
        for start in stride(from: 0, to: count, by: size) {
            try await broker.publish((start..<min(count, start + size)).map { _ in message() }, to: topic)
        }
    }

    /// Pulls and acknowledges so many messages.
    @concurrent func drain(_ subscription: any Subscription, _ count: Int) async throws {
        var batch = DeliveryBatch()
        var tokens: [DeliveryToken] = []
        var left = count
        while left > 0, try await subscription.pull(into: &batch, upTo: min(left, 256), until: nil) {
            for record in batch.records { tokens.append(record.token) }
            left -= batch.count
            subscription.acknowledge(tokens)
            tokens.removeAll(keepingCapacity: true)
            batch.removeAll()
        }
        if left > 0 { fail("\(left) of \(count) messages did not arrive") }
    }

    private func message() -> Message {
        Message(unsafeUninitializedCapacity: Self.size) { bytes in
            bytes.initializeMemory(as: UInt8.self, repeating: 0x2E)
            return Self.size
        }
    }
}
