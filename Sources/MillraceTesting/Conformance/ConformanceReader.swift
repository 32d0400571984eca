import Millrace

/// A subscription in the hands of a check: waits with a limit, and says what is wrong.
final class ConformanceReader: Sendable {
    let subscription: any Subscription
    private let subject: ConformanceSubject
    var idleTimeout: Duration { subject.idleTimeout }

    init(_ subscription: any Subscription, in subject: ConformanceSubject) {
        self.subscription = subscription
        self.subject = subject
    }

    /// Pulls once, and fails when nothing comes in time.
    func pull(upTo limit: Int, _ purpose: String = "a delivery") async throws -> [DeliveryRecord] {
        let subscription = subscription
        let purpose = "\(purpose) of '\(subscription.topic)' for group '\(subscription.group ?? "")'"
        do {
            return try await withTimeLimit(subject.idleTimeout, purpose) {
                var batch = DeliveryBatch()
                guard try await subscription.pull(into: &batch, upTo: limit) else {
                    throw ConformanceFailure("\(purpose): expected one, the pull returned false")
                }
                try expect(
                    (1...limit).contains(batch.count), "a pull of up to \(limit): expected 1 to \(limit), got \(batch.count)")
                return Array(batch.records)
            }
        } catch let error as MillraceError where error.code == .deadlineExceeded {
            throw ConformanceFailure(error.message)
        }
    }

    /// The next delivery, unsettled.
    func next(_ purpose: String = "a delivery") async throws -> DeliveryRecord {
        guard let record = try await pull(upTo: 1, purpose).first else { throw ConformanceFailure("\(purpose): none") }
        return record
    }

    /// The next deliveries, unsettled.
    func take(_ count: Int) async throws -> [DeliveryRecord] {
        var records: [DeliveryRecord] = []
        while records.count < count {
            records += try await pull(upTo: count - records.count, "delivery \(records.count + 1) of \(count)")
        }
        return records
    }

    /// The next deliveries, acknowledged.
    @discardableResult
    func drain(_ count: Int) async throws -> [DeliveryRecord] {
        var records: [DeliveryRecord] = []
        while records.count < count {
            let more = try await pull(upTo: min(64, count - records.count), "delivery \(records.count + 1) of \(count)")
            subscription.acknowledge(more.map(\.token))
            records += more
        }
        return records
    }

    /// Throws when a delivery comes within a while; the subject's quiet time unless said otherwise. With a manual clock only
    /// what is there already can come.
    func expectNothing(for duration: Duration? = nil, _ purpose: String) async throws {
        let deadline =
            subject.manualClock.map(\.now) ?? SystemClock.shared.now.advanced(by: duration ?? subject.quietTime)
        let subscription = subscription
        let count = try await withTimeLimit(subject.idleTimeout, "a pull with a deadline") {
            var batch = DeliveryBatch()
            _ = try await subscription.pull(into: &batch, upTo: 1, until: deadline)
            return batch.records.map { "\($0.message) (attempt \($0.attempt), '\($0.message.payload.text ?? "")')" }
        }
        try expect(count.isEmpty, "\(purpose): expected nothing to come, got \(count.joined())")
    }

    func acknowledge(_ records: [DeliveryRecord]) { subscription.acknowledge(records.map(\.token)) }

    func settle(_ record: DeliveryRecord, _ settlement: Settlement) { subscription.settle(record.token, settlement) }

    func flush() async throws {
        let subscription = subscription
        try await withTimeLimit(subject.idleTimeout, "flushing a subscription") { try await subscription.flush() }
    }

    func close() async throws {
        let subscription = subscription
        try await withTimeLimit(subject.idleTimeout, "closing a subscription") { await subscription.close() }
    }
}

extension DeliveryRecord {
    /// The payload as text.
    var text: String { message.payload.text ?? "" }
}
