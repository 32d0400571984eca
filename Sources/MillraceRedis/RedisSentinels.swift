import Millrace

/// The Sentinels that know which server is the primary at present.
public struct RedisSentinels: Sendable, Hashable {
    /// The name under which the Sentinels watch the primary.
    public var primary: String
    /// Where they listen, by TCP; at least one. Their usual port is 26379.
    public var endpoints: [RedisEndpoint]

    /// Sentinels with the given values.
    public init(primary: String, endpoints: [RedisEndpoint]) {
        self.primary = primary
        self.endpoints = endpoints
    }

    static let defaultPort = 26379

    func validate() throws {
        guard !primary.isEmpty, primary.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7F }) else {
            throw RedisOptions.invalid(
                "sentinels.primary", primary.debugDescription, "at least 1 character, without spaces")
        }
        guard !endpoints.isEmpty else { throw RedisOptions.invalid("sentinels.endpoints", "[]", "at least 1") }
        for (index, endpoint) in endpoints.enumerated() {
            guard case .tcp = endpoint else {
                throw RedisOptions.invalid("sentinels.endpoints[\(index)]", endpoint, "a host and a port")
            }
            try endpoint.validate("sentinels.endpoints[\(index)]")
        }
    }
}
