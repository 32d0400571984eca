import Millrace

/// Handles the messages of a topic in a consumer group, keys in order, and claims what was handled before it is acknowledged.
struct ConsumerWork: Sendable {
    let transport: any Transport
    let topic: String
    let group: String
    /// How long the handler takes for the messages that ``isSlow(_:)`` picks; zero for no longer than for others.
    let slowness: Duration
    let seed: UInt64
    let log: WorkLog

    /// Subscribes, handles until the router is shut down, by a signal or by code, and claims to have ended.
    func run(_ router: Router, stoppingOn signals: [ProcessSignal]) async throws {
        try router.consume(
            "worker", from: topic, on: transport,
            options: HandlerOptions(concurrency: 8, ordered: .byKey, prefetch: 64, group: .named(group), lease: cellLease)
        ) { message, context in
            try await handle(message, context)
        }
        async let running: Void = router.run(stoppingOn: signals)
        // The run itself says what keeps it from starting.
        if (try? await router.waitUntilRunning()) != nil { log.append([.ready(at: WorkLog.now)]) }
        try await running
        log.append([.ended(at: WorkLog.now)])
    }

    private func handle(_ message: Message, _ context: HandlerContext) async throws {
        let start = WorkLog.now
        guard let record = RecordText.record(in: message.payload.text, key: message.key) else {
            return log.append([.foreign(bytes: message.payload.count, at: start)])
        }
        let work = slowness > .zero && isSlow(record) ? slowness : .milliseconds(record.sequence % 5)
        // So that there is something in hand when a fault comes.
        if work > .zero { try await context.clock.sleep(for: work) }
        log.append([.handled(record, attempt: context.attempt, start: start, end: WorkLog.now)])
    }

    /// A message each of two keys.
    private func isSlow(_ record: RecordID) -> Bool {
        let step = ProducerWork.keys / 2
        return record.run == 2 && record.sequence == 2 && record.key % step == Int(seed % UInt64(step))
    }
}
