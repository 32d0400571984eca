/// The parts of a server's address: `host:port`, `[address]:port`, or either without a port.
enum NATSAddress {
    /// The host, without the brackets of an IPv6 address.
    static func host(of server: String) -> String {
        if server.hasPrefix("[") { return String(server.dropFirst().prefix { $0 != "]" }) }
        guard let colon = server.lastIndex(of: ":") else { return server }
        return String(server[..<colon])
    }
}
