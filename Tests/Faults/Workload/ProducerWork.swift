import Millrace

/// Publishes numbered messages at a rate, from several tasks, each with keys of its own, and claims what was accepted.
///
/// A message that `publish` fails with is published again, before later ones of its key. That may make it come twice, and the log
/// says so.
struct ProducerWork: Sendable {
    let transport: any Transport
    let topic: String
    /// The number of this run of the producer, from 1.
    let run: Int
    let messages: Int
    /// Messages a second.
    let rate: Int
    let seed: UInt64
    let log: WorkLog

    static let keys = 50
    private static let lanes = 4
    private static let largestBatch: UInt64 = 16

    func publishAll() async throws {
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            for lane in 0..<Self.lanes {
                let share = messages / Self.lanes + (lane < messages % Self.lanes ? 1 : 0)
                tasks.addTask { try await publish(share, lane) }
            }
            try await tasks.waitForAll()
        }
        log.append([.ended(at: WorkLog.now)])
    }

    private func publish(_ count: Int, _ lane: Int) async throws {
        let random = RandomSource(seed: seed &+ UInt64(run * Self.lanes + lane))
        let keys = Array(stride(from: lane, to: Self.keys, by: Self.lanes))
        var sequences: [Int: Int] = [:]
        let start = WorkLog.now
        var done = 0
        while done < count {
            let size = min(count - done, 1 + Int(random.next() % Self.largestBatch))
            let batch = (0..<size).map { _ -> RecordID in
                let key = keys[Int(random.next() % UInt64(keys.count))]
                sequences[key, default: 0] += 1
                return RecordID(run: run, key: key, sequence: sequences[key] ?? 0)
            }
            // When the broker was away, the lane makes up for it.
            let due = start + Int64(done) * 1_000_000 * Int64(Self.lanes) / Int64(rate)
            let early = due - WorkLog.now
            if early > 0 { try await SystemClock.shared.sleep(for: .microseconds(early)) }
            try await publish(batch)
            done += size
        }
    }

    /// Returns when all are accepted.
    private func publish(_ batch: [RecordID]) async throws {
        log.append(batch.map { .attempted($0) })
        var pending = batch.map { ($0, Message(text: RecordText.text(of: $0), key: $0.messageKey)) }
        while !pending.isEmpty {
            do {
                try await transport.publish(pending.map(\.1), to: topic)
                let now = WorkLog.now
                log.append(pending.map { .accepted($0.0, at: now) })
                return
            } catch let error as MillraceError where error.isRetriable {
                let now = WorkLog.now
                let failed = error.code == .publishFailed ? Set(error.failures.map(\.index)) : Set(pending.indices)
                log.append(
                    pending.indices.map {
                        failed.contains($0) ? .failed(pending[$0].0, at: now) : .accepted(pending[$0].0, at: now)
                    })
                pending = pending.indices.filter(failed.contains).map { pending[$0] }
                try await SystemClock.shared.sleep(for: .milliseconds(100))
            }
        }
    }
}
