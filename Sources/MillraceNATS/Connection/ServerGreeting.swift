#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif
import Millrace

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// What a server says to whoever connects, before any encryption: `INFO {"version":"2.9.10",...}`. Libnats reads it, and does not
/// tell.
enum ServerGreeting {
    private struct Info: Decodable {
        let version: String
    }

    /// The version of a server, a `host:port`. Blocks.
    static func version(of server: String, _ patience: Duration) throws -> String {
        guard let colon = server.lastIndex(of: ":") else { throw failure(server, "no port") }
        let descriptor = try connect(NATSAddress.host(of: server), String(server[server.index(after: colon)...]), patience)
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 4_096)
        while !bytes.contains(0x0A), bytes.count < 65_536 {
            let count = recv(descriptor, &part, part.count, 0)
            guard count > 0 else { throw failure(server, "no greeting") }
            bytes += part[..<count]
        }
        let json = bytes.drop { $0 != 0x7B }.prefix { $0 != 0x0A }
        guard let info = try? JSONDecoder().decode(Info.self, from: Data(json)) else { throw failure(server, "no greeting") }
        return info.version
    }

    private static func connect(_ host: String, _ port: String, _ patience: Duration) throws -> Int32 {
        var hints = addrinfo()
        #if canImport(Glibc)
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        #else
        hints.ai_socktype = SOCK_STREAM
        #endif
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, port, &hints, &list) == 0 else { throw failure(host, "the name is not known") }
        defer { freeaddrinfo(list) }
        let (seconds, attoseconds) = patience.components
        var limit = timeval(tv_sec: Int(seconds), tv_usec: suseconds_t(attoseconds / 1_000_000_000_000))
        var next = list
        while let address = next?.pointee {
            defer { next = address.ai_next }
            let descriptor = socket(address.ai_family, address.ai_socktype, 0)
            guard descriptor >= 0 else { continue }
            setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
            setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
            #if canImport(Glibc)
            let status = Glibc.connect(descriptor, address.ai_addr, address.ai_addrlen)
            #elseif canImport(Musl)
            let status = Musl.connect(descriptor, address.ai_addr, address.ai_addrlen)
            #else
            let status = Darwin.connect(descriptor, address.ai_addr, address.ai_addrlen)
            #endif
            if status == 0 { return descriptor }
            close(descriptor)
        }
        throw failure(host, String(cString: strerror(errno)))
    }

    private static func failure(_ server: String, _ what: String) -> MillraceError {
        MillraceError(.connectionFailed, "asking NATS at \(server) for its version: \(what)", isRetriable: true)
    }
}
