extension TransportURL {
    /// A host of a URL.
    public struct Host: Sendable, Hashable {
        /// A name or an address; IPv6 without brackets.
        public let name: String
        /// The TCP port, 1 to 65,535.
        public let port: Int

        /// A host.
        public init(name: String, port: Int) {
            self.name = name
            self.port = port
        }
    }

    /// Takes out the hosts, which commas separate: `first,second:6380,[::1]:6381`.
    ///
    /// - Parameters:
    ///   - defaultPort: The port of a host that names none.
    ///   - defaultHost: The only host when none is given.
    /// - Throws: A ``MillraceError`` of code `invalidOption` that names the host or the port.
    public mutating func takeHosts(defaultPort: Int, defaultHost: String = "localhost") throws -> [Host] {
        let list = hostList
        hostList = ""
        guard !list.isEmpty else { return [Host(name: defaultHost, port: defaultPort)] }
        return try list.split(separator: ",", omittingEmptySubsequences: false).map { item in
            let (name, port) = try split(item)
            guard !name.isEmpty else { throw invalid("host", shown(item), "a name or an address") }
            let decoded = try decode(name, "host")
            guard let port, !port.isEmpty else { return Host(name: decoded, port: defaultPort) }
            guard port.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = Int(port), (1...65_535).contains(number)
            else { throw invalid("port", shown(port), "1 to 65535") }
            return Host(name: decoded, port: number)
        }
    }

    /// A host's name and, behind the colon, its port.
    private func split(_ item: Substring) throws -> (name: Substring, port: Substring?) {
        if item.hasPrefix("[") {
            guard let end = item.firstIndex(of: "]") else { throw invalid("host", shown(item), "[address] for IPv6") }
            let rest = item[end...].dropFirst()
            guard rest.isEmpty || rest.hasPrefix(":") else { throw invalid("host", shown(item), "[address]:port") }
            return (item[..<end].dropFirst(), rest.isEmpty ? nil : rest.dropFirst())
        }
        guard let colon = item.firstIndex(of: ":") else { return (item, nil) }
        let port = item[colon...].dropFirst()
        guard !port.contains(":") else {
            throw invalid("host", shown(item), "in brackets when it is an IPv6 address: [::1]:6379")
        }
        return (item[..<colon], port)
    }

    /// What stands where a host or its port should, unless it may be a user and a password without an `@` behind them: numbers are
    /// shown, and addresses.
    private func shown(_ text: Substring) -> String {
        let isAddress = text.contains("::") && text.utf8.allSatisfy { "0123456789abcdefABCDEF:.[]".utf8.contains($0) }
        let port = text.hasPrefix(":") ? text.dropFirst() : text
        let isPort = port.utf8.count <= 5 && port.utf8.allSatisfy { (0x30...0x39).contains($0) }
        return isAddress || isPort ? "'\(text)'" : "not shown"
    }
}
