import CRdKafka
import Millrace
import MillraceTransportKit

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Knows when a consumer is joining its group anew. On the consumer's loop.
///
/// Requests to the coordinator are answered one after the other, so that a commit that is sent while the consumer waits to join is
/// looked at when the group has a new generation, and refused as one of the old. Librdkafka before 2.10 then gives up all
/// partitions (its issue 4059). It tells of its state in its log only.
final class KafkaJoinWatch: @unchecked Sendable {
    // Safe to share: used on the loop's thread alone.
    private static let firstWithoutNeed: Int32 = 0x020A_00FF

    /// What librdkafka has to be told for the watch; nothing where it is not needed.
    static func properties(_ options: KafkaOptions) -> [(String, String)] {
        isNeeded(options) ? [("debug", "cgrp"), ("log_level", "7"), ("log.queue", "true")] : []
    }

    /// Who wants to see librdkafka's log goes without the watch.
    private static func isNeeded(_ options: KafkaOptions) -> Bool {
        rd_kafka_version() < firstWithoutNeed && options.properties["debug"] == nil && options.properties["log_level"] == nil
    }

    private let log: KafkaQueue
    private var isJoining = false

    /// Nil where it is not needed.
    init?(_ handle: KafkaHandle, _ options: KafkaOptions, _ wake: LoopSignal) {
        guard Self.isNeeded(options), let queue = rd_kafka_queue_new(handle.raw) else { return nil }
        log = KafkaQueue(queue, of: handle, wake)
        rd_kafka_set_log_queue(handle.raw, queue)
    }

    /// Whether the consumer is joining, as of now.
    func look() -> Bool {
        while let event = rd_kafka_queue_poll(log.raw, 0) {
            note(event)
            rd_kafka_event_destroy(event)
        }
        return isJoining
    }

    private func note(_ event: OpaquePointer) {
        var (facility, text): (UnsafePointer<CChar>?, UnsafePointer<CChar>?) = (nil, nil)
        var level: Int32 = 0
        guard rd_kafka_event_type(event) == RD_KAFKA_EVENT_LOG, rd_kafka_event_log(event, &facility, &text, &level) == 0,
            let facility, let text, strcmp(facility, "CGRPJOINSTATE") == 0
        else { return }
        // Group "NAME" changed join state OLD -> NEW (state STATE)
        let words = String(cString: text).split(separator: " ")
        guard let arrow = words.lastIndex(of: "->"), arrow + 1 < words.count else { return }
        isJoining = Self.joining.contains(words[arrow + 1])
    }

    private static let joining: Set<Substring> = ["init", "wait-join", "wait-metadata", "wait-sync"]
}
