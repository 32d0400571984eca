internal import Millrace

/// A transport for one run, with topics of its own.
struct BenchRun: Sendable {
    let broker: any Transport
    let load: BenchLoad
    let meter: Meter
    /// The topic that messages are published to.
    let input: String
    /// Where a router puts them.
    let output: String
    /// The consumer group of all that read.
    let group = "bench"

    init(_ broker: any Transport, _ load: BenchLoad, _ meter: Meter) {
        self.broker = broker
        self.load = load
        self.meter = meter
        let id = MessageID.next()
        input = "millrace-bench-\(id)-in"
        output = "millrace-bench-\(id)-out"
    }

    /// Removes the topics, where the transport can, and closes it.
    func end() async {
        if let administration = broker as? any TransportAdministration {
            for topic in [input, output] { try? await administration.remove(topic: topic) }
        }
        await broker.close()
    }

    // MARK: Publish

    /// Publishes all of the load from its tasks, so many messages in a call.
    func publish(inCallsOf size: Int) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<load.tasks { group.addTask { try await publish(as: task, inCallsOf: size) } }
            try await group.waitForAll()
        }
    }

    @concurrent private func publish(as task: Int, inCallsOf size: Int) async throws {
        let count = load.share(of: task)
        if size == 1 {
            for number in 0..<count {
                try await broker.publish(BenchMessage(task: task, number: number).message(load), to: input)
            }
            return
        }
        for start in stride(from: 0, to: count, by: size) {
            let messages = (start..<min(count, start + size)).map { BenchMessage(task: task, number: $0).message(load) }
            try await broker.publish(messages, to: input)
        }
    }

    /// Publishes at the load's rate, each message with its time.
    @concurrent func publishPaced() async throws {
        let clock = SystemClock.shared
        let start = clock.now
        for number in 0..<load.count {
            let due = start.advanced(by: .seconds(1) * (Double(number) / Double(load.rate)))
            let wait = clock.now.duration(to: due)
            // Timers are good to a millisecond: what is due by then goes out together.
            if wait > .milliseconds(1) { try await clock.sleep(for: wait) }
            try await broker.publish(
                BenchMessage(task: 0, number: number, sentAt: clock.now.nanoseconds).message(load), to: input)
        }
    }

    // MARK: Consume

    func subscribe(to topic: String) async throws -> any Subscription {
        try await broker.subscribe(to: topic, SubscriptionOptions(group: group, prefetch: 4_096))
    }

    /// Waits until what is published arrives at a subscription.
    @concurrent func probe(_ subscription: any Subscription) async throws {
        try await broker.publish(BenchMessage(task: .max, number: 0).message(load), to: input)
        var ledger = Ledger(load)
        try await takeFirst(of: subscription, into: &ledger)
    }

    /// Waits for the first message of a subscription, up to a minute.
    @concurrent func takeFirst(of subscription: any Subscription, into ledger: inout Ledger) async throws {
        var batch = DeliveryBatch()
        let deadline = SystemClock.shared.now.advanced(by: .seconds(60))
        _ = try await subscription.pull(into: &batch, upTo: 1, until: deadline)
        for record in batch.records { ledger.take(BenchMessage(record.message.payload)) }
        subscription.acknowledge(batch.records.map(\.token))
    }

    /// Pulls and acknowledges until all of the load has arrived. Ends early when nothing arrives for ten seconds: then something
    /// is lost.
    @concurrent func drain(
        _ subscription: any Subscription, _ ledger: Ledger? = nil, latencies: LatencyTimes? = nil
    ) async throws -> Ledger {
        var ledger = ledger ?? Ledger(load)
        var batch = DeliveryBatch()
        var tokens: [DeliveryToken] = []
        var times: [Int64] = []
        while !ledger.isComplete {
            let deadline = SystemClock.shared.now.advanced(by: .seconds(10))
            guard try await subscription.pull(into: &batch, upTo: 256, until: deadline) else { break }
            let now = latencies == nil ? 0 : SystemClock.shared.now.nanoseconds
            for record in batch.records {
                let message = BenchMessage(record.message.payload)
                ledger.take(message)
                tokens.append(record.token)
                if let message, latencies != nil { times.append(now &- message.sentAt) }
            }
            subscription.acknowledge(tokens)
            tokens.removeAll(keepingCapacity: true)
            batch.removeAll()
        }
        try await subscription.flush()
        if let latencies { latencies.nanoseconds.withLock { $0 = times } }
        return ledger
    }

    /// Looks at what is there and was not meant to be: what comes after everything has.
    func complaint(_ ledger: Ledger) -> String? {
        ledger.complaint(checksOrder: broker.capabilities.contains(load.hasKeys ? .orderedByKey : .ordered))
    }
}
