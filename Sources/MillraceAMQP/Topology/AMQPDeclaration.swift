import CRabbitMQ
import Millrace

/// Something on the broker, as it is declared, looked for, or taken away.
enum AMQPDeclaration: Sendable, Hashable {
    case exchange(name: String, type: String, isDurable: Bool, isPassive: Bool, arguments: [String: AMQPValue])
    case queue(
        name: String, isDurable: Bool, isPassive: Bool, arguments: [String: AMQPValue], returns: AMQPReturns = .asDeclared)
    case binding(queue: String, exchange: String, key: String, arguments: [String: AMQPValue])
    case removedExchange(name: String)
    case removedQueue(name: String)

    /// Sends it.
    func send(on channel: AMQPChannel, _ completion: @escaping AMQPChannel.Completion) {
        let arena = AMQPArena()
        switch self {
        case .exchange(let name, let type, let isDurable, let isPassive, let arguments):
            let method = amqp_exchange_declare_t(
                ticket: 0, exchange: arena.bytes(name), type: arena.bytes(type), passive: isPassive.amqp,
                durable: isDurable.amqp, auto_delete: 0, internal: 0, nowait: 0, arguments: arena.table(arguments))
            channel.call(AMQP_EXCHANGE_DECLARE_METHOD, method, completion)
        case .queue(let name, let isDurable, let isPassive, let arguments, _):
            let method = amqp_queue_declare_t(
                ticket: 0, queue: arena.bytes(name), passive: isPassive.amqp, durable: isDurable.amqp, exclusive: 0,
                auto_delete: 0, nowait: 0, arguments: arena.table(arguments))
            channel.call(AMQP_QUEUE_DECLARE_METHOD, method, completion)
        case .binding(let queue, let exchange, let key, let arguments):
            let method = amqp_queue_bind_t(
                ticket: 0, queue: arena.bytes(queue), exchange: arena.bytes(exchange), routing_key: arena.bytes(key), nowait: 0,
                arguments: arena.table(arguments))
            channel.call(AMQP_QUEUE_BIND_METHOD, method, completion)
        case .removedExchange(let name):
            let method = amqp_exchange_delete_t(ticket: 0, exchange: arena.bytes(name), if_unused: 0, nowait: 0)
            channel.call(AMQP_EXCHANGE_DELETE_METHOD, method, completion)
        case .removedQueue(let name):
            let method = amqp_queue_delete_t(ticket: 0, queue: arena.bytes(name), if_unused: 0, if_empty: 0, nowait: 0)
            channel.call(AMQP_QUEUE_DELETE_METHOD, method, completion)
        }
        withExtendedLifetime(arena) {}
    }
}
