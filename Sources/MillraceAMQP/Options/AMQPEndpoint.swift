import Millrace

/// Where a broker listens.
public struct AMQPEndpoint: Sendable, Hashable, CustomStringConvertible {
    /// A host's name or address, IPv6 without brackets.
    public var host: String
    /// A TCP port, 1 to 65,535.
    public var port: Int

    /// A host and a port, 5672 by default.
    public init(host: String, port: Int = 5672) {
        self.host = host
        self.port = port
    }

    /// The form that people write: `host:port`, `[address]:port` for IPv6.
    public var description: String { (host.contains(":") ? "[\(host)]" : host) + ":\(port)" }

    func validate(_ field: String) throws {
        guard (1...253).contains(host.utf8.count), host.unicodeScalars.allSatisfy({ $0.value > 0x20 && $0.value != 0x7F }) else {
            throw AMQPOptions.invalid("\(field).host", host.debugDescription, "1 to 253 bytes without spaces")
        }
        guard (1...65_535).contains(port) else { throw AMQPOptions.invalid("\(field).port", port, "1 to 65535") }
    }
}
