#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// One client, its connection to the server, and what is on its way between them. A pure holder: its loop guards it.
struct ProxyConnection {
    /// The bytes of one direction: at most one buffer full, so that a slow reader slows down the writer.
    struct Direction {
        var bytes: [UInt8] = []
        var sent = 0
        /// How many bytes were passed on altogether.
        var total = 0
        /// The writer has ended its side.
        var isEnding = false
        /// The reader was told so.
        var hasEnded = false

        var isEmpty: Bool { sent == bytes.count }
    }

    enum Health { case open, done, broken }

    let id: UInt64
    let client: Int32
    let server: Int32
    var isConnecting = true
    private var fromClient = Direction()
    private var fromServer = Direction()

    init(id: UInt64, client: Int32, server: Int32) {
        self.id = id
        self.client = client
        self.server = server
    }

    /// How many bytes of the server the client got.
    var answered: Int { fromServer.total }

    /// What to wait for at the client's socket and at the server's.
    var events: (client: Int16, server: Int16) {
        if isConnecting { return (0, Int16(POLLOUT)) }
        return (Self.events(reading: fromClient, writing: fromServer), Self.events(reading: fromServer, writing: fromClient))
    }

    private static func events(reading: Direction, writing: Direction) -> Int16 {
        (reading.isEmpty && !reading.isEnding ? Int16(POLLIN) : 0) | (writing.isEmpty ? 0 : Int16(POLLOUT))
    }

    /// Moves what can be moved. `allowance` is how many bytes may still be passed on, of which those that were are taken off.
    mutating func forward(_ scratch: inout [UInt8], allowance: inout Int?) -> Health {
        if isConnecting {
            guard !ProxySocket.hasFailed(server) else { return .broken }
            isConnecting = false
        }
        guard Self.move(&fromClient, client, server, &scratch, &allowance),
            Self.move(&fromServer, server, client, &scratch, &allowance)
        else { return .broken }
        return fromClient.hasEnded && fromServer.hasEnded ? .done : .open
    }

    private static func move(
        _ direction: inout Direction, _ source: Int32, _ destination: Int32, _ scratch: inout [UInt8], _ allowance: inout Int?
    ) -> Bool {
        if direction.isEmpty, !direction.isEnding, let count = ProxySocket.read(source, into: &scratch) {
            guard count >= 0 else { return false }
            if count == 0 { direction.isEnding = true }
            direction.bytes.replaceSubrange(0..., with: scratch[..<count])
            direction.sent = 0
        }
        if !direction.isEmpty {
            let rest = direction.bytes[direction.sent...].prefix(allowance ?? .max)
            if !rest.isEmpty, let count = ProxySocket.write(rest, to: destination) {
                guard count >= 0 else { return false }
                direction.sent += count
                direction.total += count
                allowance = allowance.map { $0 - count }
            }
        }
        if direction.isEnding, direction.isEmpty, !direction.hasEnded {
            shutdown(destination, Int32(SHUT_WR))
            direction.hasEnded = true
        }
        return true
    }

    /// Ends both sides in good order.
    func close() {
        closeDescriptor(client)
        closeDescriptor(server)
    }

    /// Cuts both sides.
    func reset() {
        ProxySocket.reset(client)
        ProxySocket.reset(server)
    }
}

// The C function, whose name a member hides.
private func closeDescriptor(_ descriptor: Int32) { _ = close(descriptor) }
