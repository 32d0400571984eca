import Millrace

@testable import MillraceRedis

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// A session over a socket of its own, waited for with `poll`.
final class TLSConnection {
    private let descriptor: Int32
    private let session: TLSSession
    private var received: [UInt8] = []

    /// Takes over a connected socket.
    init(descriptor: Int32, tls: RedisTLS, host: String) throws {
        self.descriptor = descriptor
        _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
        session = try TLSSession(TLSContext(tls), host: host)
        try session.attach(descriptor)
    }

    /// Connects to a port of the loopback.
    convenience init(port: Int, tls: RedisTLS, host: String) throws {
        try self.init(descriptor: Loopback.connect(port), tls: tls, host: host)
    }

    deinit { _ = Loopback.close(descriptor) }

    /// Two sockets that are connected to each other.
    static func pair() throws -> (Int32, Int32) {
        var pair: [Int32] = [-1, -1]
        #if canImport(Darwin)
        let kind = SOCK_STREAM
        #else
        let kind = Int32(SOCK_STREAM.rawValue)
        #endif
        guard socketpair(AF_UNIX, kind, 0, &pair) == 0 else {
            throw MillraceError(.invalidState, "socketpair: error \(errno)", isRetriable: false)
        }
        return (pair[0], pair[1])
    }

    func handshake() throws {
        while true {
            switch try session.handshake() {
            case .done: return
            case .wantsRead: try wait(POLLIN)
            case .wantsWrite: try wait(POLLOUT)
            }
        }
    }

    func write(_ bytes: [UInt8]) throws {
        var done = 0
        while done < bytes.count {
            switch try bytes.withUnsafeBytes({ try session.write(UnsafeRawBufferPointer(rebasing: $0[done...])) }) {
            case .bytes(let count): done += count
            case .wantsRead: try wait(POLLIN)
            case .wantsWrite: try wait(POLLOUT)
            case .closed: throw MillraceError(.closed, "closed", isRetriable: false)
            }
        }
    }

    /// The bytes up to and with the next `end`.
    func read(upTo end: UInt8) throws -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: 1_000)
        while true {
            if let index = received.firstIndex(of: end) {
                defer { received.removeSubrange(...index) }
                return Array(received[...index])
            }
            switch try buffer.withUnsafeMutableBytes({ try session.read(into: $0) }) {
            case .bytes(let count): received += buffer.prefix(count)
            case .wantsRead: try wait(POLLIN)
            case .wantsWrite: try wait(POLLOUT)
            case .closed: throw MillraceError(.closed, "closed", isRetriable: false)
            }
        }
    }

    func close() { session.close() }

    private func wait(_ events: some BinaryInteger) throws {
        var entry = pollfd(fd: descriptor, events: Int16(events), revents: 0)
        guard poll(&entry, 1, 10_000) == 1 else {
            throw MillraceError(.deadlineExceeded, "the socket was not ready within 10 seconds", isRetriable: false)
        }
    }
}
