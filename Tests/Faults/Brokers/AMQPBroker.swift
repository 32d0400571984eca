import Millrace
import MillraceTesting
import TestSupport

/// A RabbitMQ whose exchanges, queues and messages are durable.
final class AMQPBroker: Broker {
    private let server: RabbitServer
    private let isQuorum: Bool
    let proxy: TCPProxy?
    let url: String
    let scope = Oracle.OrderScope.member
    /// Twice the heartbeat.
    let takeover = Duration.seconds(5)

    init(isQuorum: Bool) async throws {
        self.isQuorum = isQuorum
        server = try await RabbitServer.start()
        let proxy = try TCPProxy(to: server.port)
        self.proxy = proxy
        url =
            "amqp://guest:guest@127.0.0.1:\(proxy.port)?heartbeat=2s&connect-timeout=3s&maximum-reconnect-delay=1s"
            + "&queue-type=\(isQuorum ? "quorum" : "classic")"
    }

    func obstacle(to fault: FaultKind) -> String? {
        guard isQuorum, fault == .brokerKill else { return nil }
        return "RabbitMQ 3.10 with a single node has been seen to come back without a leader for its quorum queues"
    }

    func restart() async throws { try await server.restart() }

    func crash() async throws {
        let server = server
        try await BlockingCall.run { server.kill9() }
        try await server.startAgain()
    }

    func publishForeign(_ count: Int, to topic: String) async throws {
        // Without properties, with nothing, with headers of other types, with an id that is none.
        let script = """
            import pika, sys
            connection = pika.BlockingConnection(pika.URLParameters(sys.argv[1]))
            channel = connection.channel()
            channel.confirm_delivery()
            shapes = [
                (b'from pika', None), (b'', None),
                (b'\\xff\\xfe', pika.BasicProperties(headers={'number': 7, 'table': {'a': [1, 2]}, 'none': None})),
                (b'x', pika.BasicProperties(headers={'_watermill_message_uuid': 'none'})),
            ]
            for number in range(int(sys.argv[3])):
                body, properties = shapes[number % len(shapes)]
                channel.basic_publish(sys.argv[2], '', body, properties)
            connection.close()
            """
        try await ForeignClient.python(script, [server.url + "/%2F", topic, "\(count)"], in: try TemporaryFolder())
    }
}
