import CRabbitMQ
import Millrace

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Connects to one server and logs in. Blocks, up to the connect time-out for each of the two.
struct AMQPHandshake {
    private let options: AMQPOptions
    private let server: AMQPEndpoint
    private let role: String

    init(_ options: AMQPOptions, _ server: AMQPEndpoint, role: String) {
        self.options = options
        self.server = server
        self.role = role
    }

    /// The connection, which belongs to whoever gets it.
    func run() throws -> OpaquePointer {
        guard let raw = amqp_new_connection() else { throw AMQPError.make(AMQP_STATUS_NO_MEMORY.code, "\(server)") }
        do {
            try connect(raw)
            try logIn(raw)
            return raw
        } catch {
            amqp_destroy_connection(raw)
            throw error
        }
    }

    private func connect(_ raw: OpaquePointer) throws {
        guard let socket = options.tls == nil ? amqp_tcp_socket_new(raw) : amqp_ssl_socket_new(raw) else {
            throw AMQPError.make(AMQP_STATUS_NO_MEMORY.code, "\(server)")
        }
        if let tls = options.tls { try tls.apply(to: socket, server) }
        var timeout = timeval(options.connectTimeout)
        try check(amqp_socket_open_noblock(socket, server.host, Int32(server.port), &timeout))
        amqp_set_handshake_timeout(raw, &timeout)
    }

    private func check(_ status: Int32) throws {
        guard status < 0 else { return }
        throw AMQPError.make(status, "\(server)")
    }

    private func logIn(_ raw: OpaquePointer) throws {
        let arena = AMQPArena()
        // Without these the broker would not tell of consumers that it cancels, nor of publishers that it blocks.
        let capabilities: [String: AMQPValue] = [
            "basic.nack": .flag(true), "connection.blocked": .flag(true), "consumer_cancel_notify": .flag(true),
            "publisher_confirms": .flag(true), "authentication_failure_close": .flag(true),
        ]
        var properties = arena.table([
            "product": .text("Millrace"), "version": .text(MillraceRelease.version),
            "connection_name": .text("\(options.connectionName) (\(role))"),
            "capabilities": .table(capabilities),
        ])
        let heartbeat = Int32(options.heartbeat / .seconds(1))
        let reply = millrace_amqp_login(
            raw, options.virtualHost, AMQP_DEFAULT_MAX_CHANNELS, AMQP_DEFAULT_FRAME_SIZE, heartbeat, &properties,
            options.username, options.password)
        withExtendedLifetime(arena) {}
        switch reply.reply_type {
        case AMQP_RESPONSE_NORMAL: return
        case AMQP_RESPONSE_SERVER_EXCEPTION where reply.reply.id == AMQP_CONNECTION_CLOSE_METHOD:
            let close = AMQPReply(method: reply.reply).read(amqp_connection_close_t.self) ?? amqp_connection_close_t()
            // A wrong password or virtual host: no other attempt can help.
            throw MillraceError(
                .connectionFailed, "\(server): \(close.reply_text.text)", isRetriable: !AMQPError.isFinal(close.reply_code))
        case AMQP_RESPONSE_LIBRARY_EXCEPTION: throw AMQPError.make(reply.library_error, "\(server)")
        default: throw AMQPError.make(AMQP_STATUS_CONNECTION_CLOSED.code, "\(server)")
        }
    }

    /// What the broker says of itself.
    static func property(_ name: String, of raw: OpaquePointer) -> String {
        guard let table = amqp_get_server_properties(raw)?.pointee, let entries = table.entries else { return "" }
        for index in 0..<Int(table.num_entries) where entries[index].key.text == name {
            return AMQPFieldText.text(entries[index].value)
        }
        return ""
    }
}

extension timeval {
    init(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        self.init(tv_sec: Int(seconds), tv_usec: suseconds_t(attoseconds / 1_000_000_000_000))
    }
}
