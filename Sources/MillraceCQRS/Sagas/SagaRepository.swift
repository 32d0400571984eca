import Millrace

/// The records of a saga in their store.
struct SagaRepository<State: Codable & Sendable>: Sendable {
    typealias Record = SagaRecord<State>

    let saga: String
    let store: any StateStore
    let retention: Duration
    let clock: any SchedulingClock
    private let codec = JSONCodec(Record.self)

    init(_ saga: String, in store: any StateStore, retention: Duration, clock: any SchedulingClock) {
        self.saga = saga
        self.store = store
        self.retention = retention
        self.clock = clock
    }

    /// The record of a saga; nil when there is none.
    func load(_ key: String) async throws -> (record: Record, stored: StoredState)? {
        guard let stored = try await store.load(key, in: saga) else { return nil }
        return (try read(stored), stored)
    }

    func read(_ stored: StoredState) throws -> Record {
        do {
            return try codec.decode(Message(payload: stored.value).payload)
        } catch {
            throw MillraceError(
                .decodingFailed, "saga '\(saga)' '\(stored.key)': its state can't be read as \(State.self)", underlying: error,
                isRetriable: false)
        }
    }

    /// Writes a record. Returns false when somebody else has changed it meanwhile.
    func save(_ record: Record, for key: String, replacing stored: StoredState?) async throws -> Bool {
        var expiry = stored?.expiresAt
        if record.isFinished, expiry == nil {
            let sum = clock.unixMilliseconds.addingReportingOverflow(retention.nanosecondsClamped / 1_000_000)
            expiry = sum.overflow ? nil : sum.partialValue
        }
        let value = try codec.encode(record)
        do {
            try await store.save(value, for: key, in: saga, replacing: stored?.version ?? 0, expiresAt: expiry)
            return true
        } catch let error as MillraceError where error.code == .conflict {
            return false
        }
    }

    /// Forgets what a message has made, since it has left.
    func clear(_ cause: String, of key: String, attempts: Int) async throws {
        for _ in 0..<attempts {
            guard let (found, stored) = try await load(key) else { return }
            var record = found
            let count = record.pending.count
            record.pending.removeAll { $0.cause == cause }
            if record.pending.count == count { return }
            if try await save(record, for: key, replacing: stored) { return }
        }
        throw MillraceError(.conflict, "saga '\(saga)' '\(key)': it is changed all the time", isRetriable: true)
    }
}
