import Millrace

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// TCP sockets that do not block, as the systems have them.
enum ProxySocket {
    #if canImport(Darwin)
    private static let stream = SOCK_STREAM
    private static let sendFlags: Int32 = 0
    #elseif canImport(Musl)
    private static let stream = SOCK_STREAM
    private static let sendFlags = Int32(MSG_NOSIGNAL)
    #else
    private static let stream = Int32(SOCK_STREAM.rawValue)
    private static let sendFlags = Int32(MSG_NOSIGNAL)
    #endif

    /// A socket that listens on a free port of the loopback.
    static func listen() throws -> (descriptor: Int32, port: Int) {
        let descriptor = socket(AF_INET, stream, 0)
        guard descriptor >= 0 else { throw failure("socket") }
        prepare(descriptor)
        var address = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let result = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                bind(descriptor, address, length) | listenOn(descriptor) | getsockname(descriptor, address, &length)
            }
        }
        guard result == 0 else {
            defer { close(descriptor) }
            throw failure("listen")
        }
        return (descriptor, Int(UInt16(bigEndian: address.sin_port)))
    }

    /// The next connection of a listening socket, if there is one.
    static func accept(_ listener: Int32) -> Int32? {
        let descriptor = acceptOn(listener)
        guard descriptor >= 0 else { return nil }
        prepare(descriptor)
        return descriptor
    }

    /// Begins to connect. Nil when that fails at once.
    static func connect(_ target: ProxyTarget) -> Int32? {
        let descriptor = socket(target.family, stream, 0)
        guard descriptor >= 0 else { return nil }
        prepare(descriptor)
        let result = target.address.withUnsafeBytes { bytes in
            bytes.baseAddress.map { connectTo(descriptor, $0.assumingMemoryBound(to: sockaddr.self), socklen_t(bytes.count)) }
                ?? -1
        }
        guard result == 0 || errno == EINPROGRESS else {
            close(descriptor)
            return nil
        }
        return descriptor
    }

    /// Whether a connection that was begun has failed.
    static func hasFailed(_ descriptor: Int32) -> Bool {
        var error: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        return getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &length) != 0 || error != 0
    }

    /// What `send` takes: nil for none at present, -1 for a connection that has failed.
    static func write(_ bytes: ArraySlice<UInt8>, to descriptor: Int32) -> Int? {
        result(bytes.withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, sendFlags) })
    }

    /// What `recv` gives: nil for nothing at present, 0 at the end, -1 for a connection that has failed.
    static func read(_ descriptor: Int32, into bytes: inout [UInt8]) -> Int? {
        result(recv(descriptor, &bytes, bytes.count, 0))
    }

    private static func result(_ count: Int) -> Int? {
        count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) ? nil : count
    }

    /// Closes at once: the other side gets a reset, and what was not sent is lost, as when a cable is cut.
    static func reset(_ descriptor: Int32) {
        var option = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
        close(descriptor)
    }

    /// A pipe whose ends do not block.
    static func pipePair() throws -> (reading: Int32, writing: Int32) {
        var pair: [Int32] = [-1, -1]
        guard pipe(&pair) == 0 else { throw failure("pipe") }
        for descriptor in pair { setFlags(descriptor) }
        return (pair[0], pair[1])
    }

    /// Reads what is in a pipe, and forgets it.
    static func drain(_ descriptor: Int32) {
        withUnsafeTemporaryAllocation(byteCount: 64, alignment: 1) { buffer in
            while readFrom(descriptor, buffer) > 0 {}
        }
    }

    private static func prepare(_ descriptor: Int32) {
        setFlags(descriptor)
        var on: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
        #if canImport(Darwin)
        setsockopt(descriptor, SOL_SOCKET, SO_NOSIGPIPE, &on, socklen_t(MemoryLayout<Int32>.size))
        #endif
    }

    private static func setFlags(_ descriptor: Int32) {
        _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    }

    private static func failure(_ call: String) -> MillraceError {
        MillraceError(.connectionFailed, "TCPProxy: \(call) failed with error \(errno)", isRetriable: true)
    }
}

// The C functions, whose names the members above hide.
private func listenOn(_ descriptor: Int32) -> Int32 { listen(descriptor, 128) }
private func acceptOn(_ descriptor: Int32) -> Int32 { accept(descriptor, nil, nil) }
private func connectTo(_ descriptor: Int32, _ address: UnsafePointer<sockaddr>, _ length: socklen_t) -> Int32 {
    connect(descriptor, address, length)
}
private func readFrom(_ descriptor: Int32, _ buffer: UnsafeMutableRawBufferPointer) -> Int {
    read(descriptor, buffer.baseAddress, buffer.count)
}
