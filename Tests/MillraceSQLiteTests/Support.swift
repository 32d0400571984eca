import Millrace
import MillraceSQLite
import MillraceTesting
import TestSupport

extension SQLiteTransport {
    /// A transport on a file of a folder, which nobody watches.
    static func open(
        _ folder: TemporaryFolder, clock: any SchedulingClock = SystemClock.shared, observers: Observers = Observers(),
        _ change: (inout SQLiteOptions) -> Void = { _ in }
    ) async throws -> SQLiteTransport {
        var options = SQLiteOptions(path: folder.file("messages.db"), synchronous: .normal)
        change(&options)
        return try await SQLiteTransport(options, clock: clock, observers: observers)
    }
}

extension Subscription {
    /// The next deliveries, which have to come within a while.
    func take(_ count: Int, upTo limit: Int = 64, within time: Duration = .seconds(60)) async throws -> [DeliveryRecord] {
        let deadline = SystemClock.shared.now.advanced(by: time)
        var batch = DeliveryBatch()
        while batch.count < count {
            let more = try await pull(into: &batch, upTo: min(limit, count - batch.count), until: deadline)
            guard more else {
                throw MillraceError(.timedOut, "\(batch.count) of \(count) messages came within \(time)", isRetriable: false)
            }
        }
        return Array(batch.records)
    }

    /// Whether nothing is there, or comes within a moment.
    func isEmpty(for time: Duration = .milliseconds(100)) async throws -> Bool {
        var batch = DeliveryBatch()
        return try await !pull(into: &batch, upTo: 1, until: SystemClock.shared.now.advanced(by: time))
    }
}

extension DeliveryRecord {
    var text: String { message.payload.text ?? "" }
}

/// The error of Millrace that `body` throws; nil when it throws none.
func millraceError<Value>(_ body: () async throws -> Value) async -> MillraceError? {
    do {
        _ = try await body()
        return nil
    } catch {
        return error as? MillraceError
    }
}
