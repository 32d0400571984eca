import CRdKafka
import Millrace
import MillraceTransportKit

/// A queue of librdkafka that has a job run on an event loop when something comes.
final class KafkaQueue: @unchecked Sendable {
    // Safe to share: librdkafka guards its queues by locks of its own.
    let raw: OpaquePointer
    let signal: LoopSignal
    /// A queue must not outlive its handle.
    let handle: KafkaHandle

    /// Takes over a reference to a queue.
    init(_ raw: OpaquePointer, of handle: KafkaHandle, _ signal: LoopSignal) {
        self.raw = raw
        self.signal = signal
        self.handle = handle
        // A call-back may be on its way when the queue is let go of.
        handle.keep(signal)
        rd_kafka_queue_cb_event_enable(
            raw, { _, signal in signal.map { Unmanaged<LoopSignal>.fromOpaque($0).takeUnretainedValue().fire() } },
            Unmanaged.passUnretained(signal).toOpaque())
    }

    deinit {
        rd_kafka_queue_cb_event_enable(raw, nil, nil)
        rd_kafka_queue_destroy(raw)
    }
}
