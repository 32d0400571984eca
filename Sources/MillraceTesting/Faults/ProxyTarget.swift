import Millrace

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Where a proxy connects to: an address in the system's form.
struct ProxyTarget: Sendable {
    let family: Int32
    /// A `sockaddr` of some kind, as bytes.
    let address: [UInt8]

    /// The first address of a host's name.
    init(host: String, port: Int) throws {
        guard (1...65_535).contains(port) else {
            throw MillraceError.invalidOption("port", port, bound: "1 to 65535", of: "TCPProxy")
        }
        var hints = addrinfo()
        #if canImport(Glibc)
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        #else
        hints.ai_socktype = SOCK_STREAM
        #endif
        var found: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(host, "\(port)", &hints, &found)
        defer { if let found { freeaddrinfo(found) } }
        guard code == 0, let first = found?.pointee, let address = first.ai_addr else {
            throw MillraceError.invalidOption("host", "'\(host)'", bound: "a name that has an address", of: "TCPProxy")
        }
        family = first.ai_family
        self.address = Array(UnsafeRawBufferPointer(start: address, count: Int(first.ai_addrlen)))
    }
}
