import CRabbitMQ
import Millrace

/// By what a message is recognised when it comes again on another channel: AMQP has no name for it.
///
/// Its id is not enough. Programs of others give many messages the same one, and a queue that is bound more than once gets a message
/// that was passed on from topic to topic under each of them. So it is the id with where it was published and what is in it.
struct AMQPDeliveryKey: Hashable {
    let id: MessageID
    /// The attempt that was sent with it.
    let attempt: Int
    /// A hash of the rest; of this process alone.
    let content: Int
    /// Whether its publisher has given it an id that no other message has, as far as that can be seen.
    let isUnique: Bool
}

extension AMQPDeliveryKey {
    /// The key of a message as it has come, before anything is added to it.
    init(_ message: borrowing Message, attempt: Int, hasOwnID: Bool, _ delivery: amqp_basic_deliver_t) {
        var hasher = Hasher()
        hasher.combine(bytes: delivery.exchange.raw)
        hasher.combine(bytes: delivery.routing_key.raw)
        message.payload.withUnsafeBytes { hasher.combine(bytes: $0) }
        if let key = message.key { hasher.combine(key) }
        // What begins like this is the broker's, and changes from delivery to delivery.
        for (name, value) in message.metadata where !name.hasPrefix("x-") {
            hasher.combine(name)
            hasher.combine(value)
        }
        self.init(id: message.id, attempt: attempt, content: hasher.finalize(), isUnique: hasOwnID)
    }
}
