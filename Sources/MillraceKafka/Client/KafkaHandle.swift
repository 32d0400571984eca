import CRdKafka
import Millrace

/// A producer or consumer of librdkafka, destroyed with its last reference, on a thread that may block.
final class KafkaHandle: @unchecked Sendable {
    // Safe to share: librdkafka guards its handles by locks of its own.
    let raw: OpaquePointer
    /// Objects that call-backs of the handle may still reach.
    private let kept = Kept()
    private let canBeDestroyed: Lock<Bool>

    /// - Throws: A `MillraceError` of code `invalidOption` that names the property, but not its value: it may be a secret.
    init(_ type: rd_kafka_type_t, _ properties: [(String, String)], events: Int32) throws {
        let configuration = rd_kafka_conf_new()
        var text = [CChar](repeating: 0, count: 512)
        for (name, value) in properties {
            guard rd_kafka_conf_set(configuration, name, value, &text, text.count) == RD_KAFKA_CONF_OK else {
                rd_kafka_conf_destroy(configuration)
                throw KafkaOptions.invalid("property '\(name)'", "not shown", "what librdkafka \(Self.version) takes for it")
            }
        }
        rd_kafka_conf_set_events(configuration, events)
        guard let handle = rd_kafka_new(type, configuration, &text, text.count) else {
            rd_kafka_conf_destroy(configuration)
            throw MillraceError(.invalidOption, "Kafka options: \(Self.string(text))", isRetriable: false)
        }
        raw = handle
        canBeDestroyed = Lock(type == RD_KAFKA_PRODUCER || rd_kafka_version() >= Self.firstWithoutAbort)
    }

    /// Before, destroying a consumer between its joining a group and its first assignment ends the process (librdkafka's issue
    /// 4312). Such a consumer is left in memory.
    private static let firstWithoutAbort: Int32 = 0x0203_00FF

    /// A consumer has got its first assignment, or will join no group.
    func allowDestruction() { canBeDestroyed.withLock { $0 = true } }

    /// Whether destroying it now would end the process.
    var mustWaitForAssignment: Bool { !canBeDestroyed.withLock { $0 } }

    deinit {
        guard canBeDestroyed.withLock({ $0 }) else { return }
        // It waits for threads of its own, and may be let go of on one that must not block.
        kept.handle = raw
        KafkaThread.run { [kept] in kept.destroy() }
    }

    /// What has to live until the handle is destroyed.
    private final class Kept: @unchecked Sendable {
        // Safe to share: `handle` is set once, by the last who has the handle.
        var handle: OpaquePointer?
        private let objects = Lock<[any AnyObject & Sendable]>([])

        func add(_ object: any AnyObject & Sendable) { objects.withLock { $0.append(object) } }

        func destroy() {
            // Whoever closes a consumer has done it; another one must not wait for a group that nobody follows any more.
            rd_kafka_destroy_flags(handle, Int32(RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE))
            objects.withLock { $0 = [] }
        }
    }

    /// Keeps an object until the handle is destroyed.
    func keep(_ object: any AnyObject & Sendable) { kept.add(object) }

    static var version: String { String(cString: rd_kafka_version_str()) }

    static func string(_ text: [CChar]) -> String {
        String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
