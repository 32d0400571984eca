import CRdKafka
import Millrace
import MillraceTransportKit

/// The messages of one call of `publish` on their way to the brokers.
///
/// Librdkafka hands a pointer back with each message: that of the message's slot, whose place tells the index.
final class KafkaPublishCall: @unchecked Sendable {
    // Safe to share: `slots` is set once; the rest is guarded by locks.
    private struct Slot {
        let call: Unmanaged<KafkaPublishCall>
    }

    private struct Reports {
        var left: Int
        var failures: [MillraceError.PublishFailure] = []
    }

    private let slots: UnsafeMutablePointer<Slot>
    private let reports: Lock<Reports>
    private let outcome: PublishOutcome

    init(count: Int, to topic: String, whenKnown: (@Sendable (Result<Void, any Error>) -> Void)? = nil) {
        outcome = PublishOutcome(of: count, to: topic, whenKnown: whenKnown)
        reports = Lock(Reports(left: count))
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
        let failures = reports.withLock { reports -> [MillraceError.PublishFailure]? in
            reports.left -= 1
            if let error { reports.failures.append(.init(index: index, error: error)) }
            return reports.left == 0 ? reports.failures : nil
        }
        if let failures { outcome.end(failures.sorted { $0.index < $1.index }) }
    }

    /// Waits until all messages have been reported, or the task is cancelled.
    func wait() async throws { try await outcome.wait() }
}
