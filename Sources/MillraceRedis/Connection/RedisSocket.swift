import Dispatch
import Millrace

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Where a server is, as the system's calls take it.
struct SocketAddress: Sendable {
    let family: Int32
    let bytes: [UInt8]
}

/// A socket that never blocks, with TLS on it or without.
final class RedisSocket {
    /// What came of reading or writing.
    enum Transfer {
        case some(Int)
        /// Nothing is possible now.
        case again
        case failed(MillraceError)
    }

    let descriptor: Int32
    private let endpoint: RedisEndpoint
    private let tls: TLSSession?
    private var isConnected = false
    /// What TLS waits for, whatever it was asked to do.
    private(set) var wantsWrite = false

    /// Begins to connect.
    init(_ address: SocketAddress, _ endpoint: RedisEndpoint, tls context: TLSContext?) throws {
        self.endpoint = endpoint
        #if canImport(Glibc)
        let type = Int32(SOCK_STREAM.rawValue)
        #else
        let type = SOCK_STREAM
        #endif
        descriptor = socket(address.family, type, 0)
        guard descriptor >= 0 else { throw Self.failure(endpoint, errno) }
        if let context, case .tcp(let host, _) = endpoint {
            tls = try TLSSession(context, host: host)
        } else {
            tls = nil
        }
        _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        var yes: Int32 = 1
        if address.family != AF_UNIX {
            setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &yes, socklen_t(MemoryLayout<Int32>.size))
            setsockopt(descriptor, SOL_SOCKET, SO_KEEPALIVE, &yes, socklen_t(MemoryLayout<Int32>.size))
        }
        #if canImport(Darwin)
        setsockopt(descriptor, SOL_SOCKET, SO_NOSIGPIPE, &yes, socklen_t(MemoryLayout<Int32>.size))
        #endif
        let status = address.bytes.withUnsafeBytes { bytes in
            connect(descriptor, bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self), socklen_t(bytes.count))
        }
        guard status == 0 || errno == EINPROGRESS else {
            let code = errno
            close()
            throw Self.failure(endpoint, code)
        }
    }

    /// Goes on connecting. Returns whether that is done.
    func finishConnecting() throws -> Bool {
        if !isConnected {
            var code: Int32 = 0
            var size = socklen_t(MemoryLayout<Int32>.size)
            getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &size)
            guard code == 0 else { throw Self.failure(endpoint, code) }
            isConnected = true
            try tls?.attach(descriptor)
        }
        guard let tls else { return true }
        switch try tls.handshake() {
        case .done:
            wantsWrite = false
            return true
        case .wantsRead: wantsWrite = false
        case .wantsWrite: wantsWrite = true
        }
        return false
    }

    /// Whether TLS holds bytes that the system does not know of.
    var hasBuffered: Bool { tls != nil }

    func read(_ buffer: UnsafeMutableRawBufferPointer) -> Transfer {
        if let tls { return transfer { try tls.read(into: buffer) } }
        while true {
            let count = recv(descriptor, buffer.baseAddress, buffer.count, 0)
            if count > 0 { return .some(count) }
            if count == 0 { return .failed(Self.failure(endpoint, "the server closed the connection")) }
            if errno == EAGAIN || errno == EWOULDBLOCK { return .again }
            if errno != EINTR { return .failed(Self.failure(endpoint, errno)) }
        }
    }

    func write(_ bytes: UnsafeRawBufferPointer) -> Transfer {
        if let tls { return transfer { try tls.write(bytes) } }
        #if canImport(Darwin)
        let flags: Int32 = 0
        #else
        let flags = Int32(MSG_NOSIGNAL)
        #endif
        while true {
            let count = send(descriptor, bytes.baseAddress, bytes.count, flags)
            if count >= 0 { return .some(count) }
            if errno == EAGAIN || errno == EWOULDBLOCK { return .again }
            if errno != EINTR { return .failed(Self.failure(endpoint, errno)) }
        }
    }

    private func transfer(_ body: () throws -> TLSSession.Transfer) -> Transfer {
        do {
            switch try body() {
            case .bytes(let count):
                wantsWrite = false
                return .some(count)
            case .wantsRead: wantsWrite = false
            case .wantsWrite: wantsWrite = true
            case .closed: return .failed(Self.failure(endpoint, "the server closed the connection"))
            }
            return .again
        } catch {
            return .failed(error as? MillraceError ?? Self.failure(endpoint, "\(error)"))
        }
    }

    func close() {
        tls?.close()
        _ = closeDescriptor(descriptor)
    }

    // MARK: Names

    /// Looks up the server's address on a thread that may block, and hands it over.
    static func resolve(
        _ endpoint: RedisEndpoint, _ done: @escaping @Sendable (Result<SocketAddress, MillraceError>) -> Void
    ) {
        switch endpoint {
        case .unix(let path): done(unixAddress(path, endpoint))
        case .tcp(let host, let port):
            DispatchQueue.global(qos: .userInitiated).async { done(lookUp(host, port, endpoint)) }
        }
    }

    private static func lookUp(
        _ host: String, _ port: Int, _ endpoint: RedisEndpoint
    ) -> Result<SocketAddress, MillraceError> {
        var hints = addrinfo()
        #if canImport(Glibc)
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        #else
        hints.ai_socktype = SOCK_STREAM
        #endif
        var list: UnsafeMutablePointer<addrinfo>?
        let status = getaddrinfo(host, "\(port)", &hints, &list)
        defer { if let list { freeaddrinfo(list) } }
        guard status == 0, let first = list?.pointee, let address = first.ai_addr else {
            return .failure(failure(endpoint, "the host's name can't be resolved: \(String(cString: gai_strerror(status)))"))
        }
        let bytes = Array(UnsafeRawBufferPointer(start: address, count: Int(first.ai_addrlen)))
        return .success(SocketAddress(family: first.ai_family, bytes: bytes))
    }

    private static func unixAddress(_ path: String, _ endpoint: RedisEndpoint) -> Result<SocketAddress, MillraceError> {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let capacity = MemoryLayout.size(ofValue: address.sun_path) - 1
        guard path.utf8.count <= capacity else {
            return .failure(failure(endpoint, "the socket's path has \(path.utf8.count) bytes, it may have \(capacity)"))
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        return .success(SocketAddress(family: AF_UNIX, bytes: withUnsafeBytes(of: &address) { Array($0) }))
    }

    private static func failure(_ endpoint: RedisEndpoint, _ code: Int32) -> MillraceError {
        failure(endpoint, SocketError.text(code))
    }

    private static func failure(_ endpoint: RedisEndpoint, _ what: String) -> MillraceError {
        MillraceError(.connectionFailed, "\(endpoint): \(what)", isRetriable: true)
    }
}

/// The system call, out of the shadow of the method of the same name.
private func closeDescriptor(_ descriptor: Int32) -> Int32 { close(descriptor) }
