import Millrace

/// The Sentinels that know which server is the primary at present.
public struct RedisSentinels: Sendable, Hashable {
    /// The name under which the Sentinels watch the primary.
    public var primary: String
    /// Where they listen, by TCP; at least one. Their usual port is 26379.
    public var endpoints: [RedisEndpoint]
    /// The user to authenticate as with the Sentinels. Defaults to nil: their default user. Needs a ``password``.
    public var username: String?
    /// The Sentinels' own password, which no description and no error ever shows. Defaults to nil: no authentication.
    public var password: String?

    /// Sentinels with the given values.
    public init(primary: String, endpoints: [RedisEndpoint], username: String? = nil, password: String? = nil) {
        self.primary = primary
        self.endpoints = endpoints
        self.username = username
        self.password = password
    }

    static let defaultPort = 26379

    func validate() throws {
        if username != nil, password == nil {
            throw RedisOptions.invalid("sentinels.password", "nil", "given, because sentinels.username is")
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

extension RedisSentinels: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The primary and where the Sentinels listen. Never the password, nor the user.
    public var description: String { "primary '\(primary)' by \(endpoints.map(\.description).joined(separator: ","))" }

    /// The same as ``description``.
    public var debugDescription: String { description }

    /// No parts: a dump shows what ``description`` shows.
    public var customMirror: Mirror { Mirror(self, children: []) }
}
