import CRdKafka
import Millrace

/// The messages of one call of `publish` on their way to the brokers.
///
/// Librdkafka hands a pointer back with each message: that of the message's slot, whose place tells the index.
final class KafkaPublishCall: @unchecked Sendable {
    // Safe to share: `slots` is set once; the rest is guarded by the lock.
    private struct Slot {
        let call: Unmanaged<KafkaPublishCall>
    }

    private struct State {
        var left: Int
        var failures: [MillraceError.PublishFailure] = []
        var continuation: CheckedContinuation<Void, any Error>?
        var outcome: Result<Void, any Error>?
    }

    private let topic: String
    private let count: Int
    private let slots: UnsafeMutablePointer<Slot>
    private let state: Lock<State>

    /// Called with the outcome, in the place of ``wait()``.
    private let whenDone: (@Sendable (Result<Void, any Error>) -> Void)?

    init(count: Int, to topic: String, _ whenDone: (@Sendable (Result<Void, any Error>) -> Void)? = nil) {
        self.topic = topic
        self.count = count
        self.whenDone = whenDone
        state = Lock(State(left: count))
        slots = .allocate(capacity: count)
        slots.initialize(repeating: Slot(call: Unmanaged.passUnretained(self)), count: count)
    }

    deinit { slots.deallocate() }

    /// What librdkafka has to give back with a message. The call lives at least until it has.
    func pointer(of index: Int) -> UnsafeMutableRawPointer {
        _ = slots[index].call.retain()
        return UnsafeMutableRawPointer(slots + index)
    }

    /// Librdkafka did not take a message after all.
    func takeBack(_ index: Int) { slots[index].call.release() }

    /// The call of a pointer that librdkafka has given back, and the message's index.
    static func of(_ pointer: UnsafeMutableRawPointer) -> (call: KafkaPublishCall, index: Int) {
        let slot = pointer.assumingMemoryBound(to: Slot.self)
        let call = slot.pointee.call.takeRetainedValue()
        return (call, slot - call.slots)
    }

    /// A message has arrived, or has not.
    func report(_ index: Int, _ error: MillraceError?) {
        let (continuation, outcome) = state.withLock {
            state -> (CheckedContinuation<Void, any Error>?, Result<Void, any Error>?) in
            state.left -= 1
            if let error { state.failures.append(.init(index: index, error: error)) }
            guard state.left == 0, state.outcome == nil else { return (nil, nil) }
            if state.failures.isEmpty {
                state.outcome = .success(())
            } else {
                let failures = state.failures.sorted { $0.index < $1.index }
                state.outcome = .failure(MillraceError.publishFailed(failures, of: count, to: topic))
            }
            return (state.continuation.take(), state.outcome)
        }
        guard let outcome else { return }
        continuation?.resume(with: outcome)
        whenDone?(outcome)
    }

    /// Waits until all messages have been reported, or the task is cancelled.
    func wait() async throws {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let outcome = state.withLock { state in
                    if state.outcome == nil { state.continuation = continuation }
                    return state.outcome
                }
                if let outcome { continuation.resume(with: outcome) }
            }
        } onCancel: {
            // What was sent may yet arrive; nobody knows which.
            end(CancellationError())
        }
    }

    /// Ends the wait with an error for all messages.
    func end(_ error: any Error) {
        let failed = MillraceError.publishFailed(
            (0..<count).map { .init(index: $0, error: error) }, of: count, to: topic)
        let continuation = state.withLock { state -> CheckedContinuation<Void, any Error>? in
            guard state.outcome == nil else { return nil }
            state.outcome = .failure(failed)
            return state.continuation.take()
        }
        continuation?.resume(throwing: failed)
    }
}
