import Millrace

/// Where a Redis server listens.
public enum RedisEndpoint: Sendable, Hashable, CustomStringConvertible {
    /// A host's name or address (IPv6 without brackets) and a TCP port, 1 to 65,535.
    case tcp(host: String, port: Int = 6379)
    /// The path of a Unix socket on this machine: absolute, 1 to 103 bytes.
    case unix(path: String)

    /// The form that people write: `host:port`, `[address]:port` for IPv6, or the path.
    public var description: String {
        switch self {
        case .tcp(let host, let port): (host.contains(":") ? "[\(host)]" : host) + ":\(port)"
        case .unix(let path): path
        }
    }

    /// The longest path of a Unix socket that all systems take: Darwin's, without the closing zero.
    static let maximumPathLength = 103

    func validate(_ field: String) throws {
        switch self {
        case .tcp(let host, let port):
            guard (1...253).contains(host.utf8.count), host.unicodeScalars.allSatisfy({ $0.value > 0x20 && $0.value != 0x7F })
            else {
                throw RedisOptions.invalid("\(field).host", host.debugDescription, "1 to 253 bytes without spaces")
            }
            guard (1...65_535).contains(port) else { throw RedisOptions.invalid("\(field).port", port, "1 to 65535") }
        case .unix(let path):
            guard path.hasPrefix("/"), path.utf8.count <= Self.maximumPathLength, !path.utf8.contains(0) else {
                throw RedisOptions.invalid(
                    "\(field).path", path.debugDescription, "an absolute path of at most \(Self.maximumPathLength) bytes")
            }
        }
    }
}
