import CRabbitMQ
import Millrace

/// A message as it comes in frames: a method, a header with the properties, and the body in pieces. All memory is the library's.
struct AMQPContent {
    enum Kind {
        case none
        case delivery(amqp_basic_deliver_t)
        case returned(amqp_basic_return_t)
    }

    var kind = Kind.none
    private(set) var properties: UnsafeMutablePointer<amqp_basic_properties_t>?
    private var size: UInt64 = 0
    private var received: UInt64 = 0
    private var hasHeader = false
    private var first = amqp_bytes_t()
    private var others: [amqp_bytes_t] = []

    var isComplete: Bool { hasHeader && received >= size }

    mutating func begin(size: UInt64, properties: UnsafeMutableRawPointer?) {
        self.size = size
        hasHeader = true
        self.properties = properties?.assumingMemoryBound(to: amqp_basic_properties_t.self)
    }

    mutating func append(_ fragment: amqp_bytes_t) {
        if received == 0 { first = fragment } else { others.append(fragment) }
        received += UInt64(fragment.len)
    }

    mutating func clear() {
        kind = .none
        properties = nil
        (size, received, hasHeader) = (0, 0, false)
        first = amqp_bytes_t()
        others.removeAll(keepingCapacity: true)
    }

    /// The message with the body, in one copy.
    func message(id: MessageID, key: String?, metadata: Metadata) -> Message {
        guard !others.isEmpty else { return Message(id: id, copying: first.raw, key: key, metadata: metadata) }
        return Message(id: id, key: key, metadata: metadata, unsafeUninitializedCapacity: Int(received)) { memory in
            var written = 0
            for fragment in [first] + others {
                UnsafeMutableRawBufferPointer(rebasing: memory[written...]).copyMemory(from: fragment.raw)
                written += fragment.raw.count
            }
            return written
        }
    }
}
