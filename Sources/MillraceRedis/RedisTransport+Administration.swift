public import Millrace

extension RedisTransport: TransportAdministration {
    /// Asks the server for its version: that of Redis, or of whatever calls itself something else, Valkey for example.
    public func broker() async throws -> BrokerInfo {
        try await commands.run { writer in
            writer.command(arguments: 2)
            writer.bulk("INFO")
            writer.bulk("server")
        } read: { reply in
            if let error = reply.error { throw RedisError.make(error, topic: "") }
            return Self.broker(reply.text)
        }
    }

    static func broker(_ text: String) -> BrokerInfo {
        var fields: [Substring: Substring] = [:]
        for line in text.split(whereSeparator: \.isNewline) {
            let name = line.prefix { $0 != ":" }
            if name.endIndex < line.endIndex { fields[name] = line[name.endIndex...].dropFirst() }
        }
        // Those that descend from Redis state its version besides their own, for the sake of old clients.
        if let name = fields["server_name"], let version = fields["\(name)_version"] {
            return BrokerInfo(name: name.prefix(1).uppercased() + name.dropFirst(), version: String(version))
        }
        return BrokerInfo(name: "Redis", version: fields["redis_version"].map(String.init) ?? "unknown")
    }

    /// Deletes the stream.
    public func remove(topic: String) async throws {
        try Naming.checkTopic(topic)
        try await commands.run { writer in
            writer.command(arguments: 2)
            writer.bulk("UNLINK")
            writer.bulk(topic)
        } read: { reply in
            if let error = reply.error { throw RedisError.make(error, topic: topic) }
        }
    }
}
