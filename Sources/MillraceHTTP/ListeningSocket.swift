import Millrace

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// A socket that waits for connections.
struct ListeningSocket {
    let descriptor: Int32
    let port: Int

    /// Throws a `MillraceError`: `invalidOption` for an address that can't be found, `invalidState` when the system refuses.
    init(host: String, port: Int) throws {
        var hints = addrinfo()
        hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV
        #if canImport(Glibc)
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        #else
        hints.ai_socktype = SOCK_STREAM
        #endif
        var found: UnsafeMutablePointer<addrinfo>?
        let status = getaddrinfo(host, "\(port)", &hints, &found)
        guard status == 0, let address = found else {
            throw MillraceError.invalidOption(
                "host", host.debugDescription, bound: "an address of this machine (\(String(cString: gai_strerror(status))))",
                of: "HTTPEndpoint")
        }
        defer { freeaddrinfo(found) }
        let info = address.pointee
        let descriptor = socket(info.ai_family, info.ai_socktype, info.ai_protocol)
        guard descriptor >= 0 else { throw Self.refused(host, port, errno) }
        var yes: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
        guard fcntl(descriptor, F_SETFD, FD_CLOEXEC) == 0, fcntl(descriptor, F_SETFL, O_NONBLOCK) == 0,
            bind(descriptor, info.ai_addr, info.ai_addrlen) == 0, listen(descriptor, 64) == 0,
            let bound = Self.port(of: descriptor)
        else {
            let code = errno
            close(descriptor)
            throw Self.refused(host, port, code)
        }
        self.descriptor = descriptor
        self.port = bound
    }

    /// The port that the system has chosen.
    private static func port(of descriptor: Int32) -> Int? {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        return withUnsafeMutableBytes(of: &storage) { bytes -> Int? in
            guard let base = bytes.baseAddress,
                getsockname(descriptor, base.assumingMemoryBound(to: sockaddr.self), &length) == 0
            else { return nil }
            // Both kinds of addresses have the port in the same place.
            return Int(UInt16(bigEndian: base.loadUnaligned(fromByteOffset: 2, as: UInt16.self)))
        }
    }

    private static func refused(_ host: String, _ port: Int, _ code: Int32) -> MillraceError {
        MillraceError(
            .invalidState,
            "HTTPEndpoint: the system refuses to listen at \(host), port \(port): \(String(cString: strerror(code)))",
            isRetriable: code == EADDRINUSE)
    }
}
