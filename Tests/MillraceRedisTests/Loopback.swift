import Millrace

@testable import MillraceRedis

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Sockets of the loopback, blocking.
enum Loopback {
    /// Connects to a port.
    static func connect(_ port: Int) throws -> Int32 {
        let descriptor = try makeSocket()
        let result = withAddress(port) { connectSocket(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
        guard result == 0 else { throw failure("port \(port)", descriptor) }
        return descriptor
    }

    /// A socket at a free port, which does not listen.
    static func bind(_ wanted: Int = 0) throws -> (descriptor: Int32, port: Int) {
        let descriptor = try makeSocket()
        let result = withAddress(wanted) { bindSocket(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
        guard result == 0 else { throw failure("bind", descriptor) }
        var address = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let named = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
        }
        guard named == 0 else { throw failure("getsockname", descriptor) }
        return (descriptor, Int(UInt16(bigEndian: address.sin_port)))
    }

    static func write(_ bytes: [UInt8], to descriptor: Int32) throws {
        #if canImport(Darwin)
        let flags: Int32 = 0
        #else
        let flags = Int32(MSG_NOSIGNAL)
        #endif
        var done = 0
        while done < bytes.count {
            let sent = bytes.withUnsafeBytes { send(descriptor, $0.baseAddress.map { $0 + done }, bytes.count - done, flags) }
            guard sent > 0 else { throw MillraceError(.connectionFailed, SocketError.text(errno), isRetriable: true) }
            done += sent
        }
    }

    /// What comes until the other side closes, or `count` bytes.
    static func readAll(_ descriptor: Int32, upTo count: Int = .max) -> [UInt8] {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4_096)
        while bytes.count < count {
            let got = recv(descriptor, &buffer, min(buffer.count, count - bytes.count), 0)
            guard got > 0 else { break }
            bytes += buffer.prefix(got)
        }
        return bytes
    }

    /// What has come, at least one byte, or none at the end.
    static func readSome(_ descriptor: Int32) -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: 4_096)
        let got = recv(descriptor, &buffer, buffer.count, 0)
        return Array(buffer.prefix(max(0, got)))
    }

    static func close(_ descriptor: Int32) -> Int32 { closeSocket(descriptor) }

    private static func makeSocket() throws -> Int32 {
        #if canImport(Darwin)
        let descriptor = socket(AF_INET, SOCK_STREAM, 0)
        #else
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        #endif
        guard descriptor >= 0 else { throw MillraceError(.invalidState, SocketError.text(errno), isRetriable: false) }
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        return descriptor
    }

    private static func withAddress(_ port: Int, _ body: (UnsafePointer<sockaddr>) -> Int32) -> Int32 {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(UInt16(truncatingIfNeeded: port).bigEndian)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return withUnsafePointer(to: &address) { $0.withMemoryRebound(to: sockaddr.self, capacity: 1, body) }
    }

    private static func failure(_ what: String, _ descriptor: Int32) -> MillraceError {
        let code = errno
        _ = closeSocket(descriptor)
        return MillraceError(.connectionFailed, "\(what): \(SocketError.text(code))", isRetriable: true)
    }
}

// The C functions, whose names the members above hide.
private func connectSocket(_ descriptor: Int32, _ address: UnsafePointer<sockaddr>, _ length: socklen_t) -> Int32 {
    connect(descriptor, address, length)
}

private func bindSocket(_ descriptor: Int32, _ address: UnsafePointer<sockaddr>, _ length: socklen_t) -> Int32 {
    bind(descriptor, address, length)
}

private func closeSocket(_ descriptor: Int32) -> Int32 { close(descriptor) }
