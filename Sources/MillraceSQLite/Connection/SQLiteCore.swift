import Millrace
import MillraceTransportKit

/// What a transport and its subscriptions share.
final class SQLiteCore: Sendable {
    let options: SQLiteOptions
    let clock: any SchedulingClock
    let observers: AttachableObservers
    let writer: SQLiteWriter
    let registry = SubscriptionRegistry()

    init(_ options: SQLiteOptions, clock: any SchedulingClock, observers: AttachableObservers, writer: SQLiteWriter) {
        self.options = options
        self.clock = clock
        self.observers = observers
        self.writer = writer
    }

    static var closed: MillraceError { MillraceError(.closed, "the transport is closed", isRetriable: false) }

    /// Has something done in a transaction, and waits for it. Throws a `MillraceError`.
    func perform<Value: Sendable>(_ body: @escaping @Sendable (SQLiteStore) throws -> Value) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            let operation = SimpleOperation(body) { continuation.resume(with: $0) }
            if !writer.submit(operation) { continuation.resume(throwing: Self.closed) }
        }
    }
}
