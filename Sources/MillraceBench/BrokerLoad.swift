import Millrace

/// What is measured on any broker.
extension Scenario {
    /// Sends two messages each millisecond, with the time in the payload.
    static func latency(_ load: Load, on broker: any Transport) async throws -> Outcome {
        let topic = "bench-\(MessageID.next())"
        let subscription = try await broker.subscribe(to: topic, SubscriptionOptions(group: "bench"))
        let count = min(load.count, 10_000)
        let clock = SystemClock.shared
        let start = clock.now
        async let received = latencies(count, of: subscription)
        for _ in 0..<count / 2 {
            try await clock.sleep(for: .milliseconds(1))
            for _ in 0..<2 {
                let now = clock.now.nanoseconds
                let message = withUnsafeBytes(of: now) { Message(copying: $0) }
                try await broker.publish(message, to: topic)
            }
        }
        let sorted = try await received.sorted()
        func percentile(_ share: Double) -> String {
            (Double(sorted[Int(Double(sorted.count - 1) * share)]) / 1_000).formatted(0)
        }
        return Outcome(
            delivered: load.count, elapsed: start.duration(to: clock.now) * Double(load.count) / Double(count),
            note: "latency us: p50 \(percentile(0.5)), p99 \(percentile(0.99)), highest \(percentile(1))")
    }

    private static func latencies(_ count: Int, of subscription: any Subscription) async throws -> [Int64] {
        var batch = DeliveryBatch()
        var latencies: [Int64] = []
        while latencies.count < count / 2 * 2, try await subscription.pull(into: &batch, upTo: 128) {
            let now = SystemClock.shared.now.nanoseconds
            for record in batch.records {
                latencies.append(now - record.message.payload.withUnsafeBytes { $0.loadUnaligned(as: Int64.self) })
            }
            subscription.acknowledge(batch.records.map(\.token))
            batch.removeAll()
        }
        return latencies
    }

    /// Publishes from several tasks, so many messages in each call.
    static func publish(
        _ load: Load, to topic: String, on broker: any Transport, tasks: Int, size: Int
    ) async throws {
        let payload = [UInt8](repeating: 7, count: load.size)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<tasks {
                group.addTask {
                    var left = load.count / tasks + (task < load.count % tasks ? 1 : 0)
                    while left > 0 {
                        let count = min(size, left)
                        try await broker.publish((0..<count).map { _ in Message(payload: payload) }, to: topic)
                        left -= count
                    }
                }
            }
            try await group.waitForAll()
        }
    }
}
