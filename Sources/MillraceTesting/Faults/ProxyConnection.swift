import Millrace

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// One client, its connection to the server, and what is on its way between them. A pure holder: its loop guards it.
struct ProxyConnection {
    enum Health { case open, done, broken }

    let id: UInt64
    let client: Int32
    let server: Int32
    var isConnecting = true
    private var fromClient = ProxyDirection()
    private var fromServer = ProxyDirection()

    init(id: UInt64, client: Int32, server: Int32) {
        self.id = id
        self.client = client
        self.server = server
    }

    /// How many bytes of the server the client got.
    var answered: Int { fromServer.total }

    /// When the next bytes that wait for their time may be passed on; nil for none.
    var due: ClockInstant? { [fromClient.due, fromServer.due].compactMap { $0 }.min() }

    /// What to wait for at the client's socket and at the server's.
    func events(_ now: ClockInstant, delay: Duration) -> (client: Int16, server: Int16) {
        if isConnecting { return (0, Int16(POLLOUT)) }
        func events(_ reading: ProxyDirection, _ writing: ProxyDirection) -> Int16 {
            (reading.isReading(delay) ? Int16(POLLIN) : 0) | (writing.isWriting(now) ? Int16(POLLOUT) : 0)
        }
        return (events(fromClient, fromServer), events(fromServer, fromClient))
    }

    /// Moves what can be moved. `allowance` is how many bytes may still be passed on, of which those that were are taken off.
    mutating func forward(_ scratch: inout [UInt8], allowance: inout Int?, delay: Duration) -> Health {
        if isConnecting {
            guard !ProxySocket.hasFailed(server) else { return .broken }
            isConnecting = false
        }
        guard fromClient.move(client, server, &scratch, &allowance, delay: delay),
            fromServer.move(server, client, &scratch, &allowance, delay: delay)
        else { return .broken }
        return fromClient.hasEnded && fromServer.hasEnded ? .done : .open
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
