import CRdKafka
import Millrace
import MillraceTransportKit

/// Reports when a handle loses its last broker, and when it works again.
final class KafkaLink: Sendable {
    private let observers: AttachableObservers
    private let isDown = Lock(false)

    init(_ observers: AttachableObservers) { self.observers = observers }

    /// Takes note of an error event. Those of single brokers are librdkafka's business.
    func note(_ event: OpaquePointer?) {
        let code = rd_kafka_event_error(event)
        let all = [RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN, RD_KAFKA_RESP_ERR__AUTHENTICATION, RD_KAFKA_RESP_ERR__RESOLVE]
        guard all.contains(code) else { return }
        let isNew = isDown.withLock { isDown in
            defer { isDown = true }
            return !isDown
        }
        guard isNew else { return }
        let text = rd_kafka_event_error_string(event).map { String(cString: $0) } ?? KafkaError.name(code)
        observers.report(.warning, .disconnected(transport: "kafka", error: KafkaError.make(code, text)))
    }

    /// Something got through.
    func noteSuccess() {
        let wasDown = isDown.withLock { isDown in
            defer { isDown = false }
            return isDown
        }
        if wasDown { observers.report(.info, .connected(transport: "kafka")) }
    }
}
