import Millrace

/// The parts of a URL, decoded, to be taken out one by one.
///
/// Not Foundation's `URL`, which knows neither lists of hosts nor which part must not show up in an error.
struct RedisURL {
    static let encodingBound = "a URL in whose password '/', '?', '#' and '%' are percent-encoded"
    /// An `@` behind the server may be the end of a password that was not encoded: then no part is safe to show.
    let mayHoldSecrets: Bool
    let usesTLS: Bool
    let usesSentinels: Bool
    private(set) var username: String?
    private(set) var password: String?
    /// The path of a Unix socket.
    private(set) var socketPath: String?
    private var hostList = ""
    private var path = ""
    private var query: [(name: String, value: String)] = []

    init(_ url: String) throws {
        let bound = "redis://, rediss://, unix://, redis-sentinel:// or rediss-sentinel:// and where the server is"
        guard let separator = url.firstRange(ofText: "://") else {
            throw MillraceError.invalidOption("url", "text without '://'", bound: bound, of: "Redis URL")
        }
        let scheme = url[..<separator.lowerBound].lowercased()
        guard ["redis", "rediss", "unix", "redis-sentinel", "rediss-sentinel"].contains(scheme) else {
            let isName = scheme.utf8.count <= 20 && scheme.utf8.allSatisfy { $0 == 0x2D || (0x61...0x7A).contains($0) }
            throw MillraceError.invalidOption(
                "scheme", isName ? "'\(scheme)'" : "something else", bound: bound, of: "Redis URL")
        }
        usesTLS = scheme.hasPrefix("rediss")
        usesSentinels = scheme.hasSuffix("-sentinel")

        let rest = url[separator.upperBound...]
        let authority = rest.prefix { !"/?#".contains($0) }
        let tail = rest[authority.endIndex...]
        mayHoldSecrets = tail.contains("@")
        guard !tail.contains("#") else { throw invalid("fragment", "not shown", "left out; \(Self.encodingBound)") }
        if let at = authority.lastIndex(of: "@") {
            try readCredentials(authority[..<at])
            hostList = String(authority[authority.index(after: at)...])
        } else {
            hostList = String(authority)
        }
        let pathText = tail.prefix { $0 != "?" }
        path = try decode(pathText, "path")
        try readQuery(tail.dropFirst(pathText.count).dropFirst())
        if scheme == "unix" {
            guard hostList.isEmpty else { throw invalid("host", "'\(hostList)'", "empty: unix:///path/of/socket") }
            socketPath = path
        }
    }

    /// An error about a part. Shows no value that could be a piece of the password.
    func invalid(_ part: String, _ value: String, _ bound: String) -> MillraceError {
        mayHoldSecrets
            ? .invalidOption("url", "not readable", bound: Self.encodingBound, of: "Redis URL")
            : .invalidOption(part, value, bound: bound, of: "Redis URL")
    }

    private mutating func readCredentials(_ text: Substring) throws {
        let name = text.prefix { $0 != ":" }
        let user = try decode(name, "username", isSecret: true)
        if !user.isEmpty { username = user }
        if name.endIndex < text.endIndex {
            let secret = try decode(text[name.endIndex...].dropFirst(), "password", isSecret: true)
            if !secret.isEmpty { password = secret }
        }
    }

    private mutating func readQuery(_ text: Substring) throws {
        for pair in text.split(separator: "&", omittingEmptySubsequences: true) {
            let name = pair.prefix { $0 != "=" }
            let key = try decode(name, "query")
            guard !query.contains(where: { $0.name == key }) else { throw invalid(key, "given twice", "given once") }
            query.append((key, try decode(pair[name.endIndex...].dropFirst(), key)))
        }
    }

    private func decode(_ text: Substring, _ part: String, isSecret: Bool = false) throws -> String {
        guard let decoded = PercentEncoding.decode(text) else {
            throw invalid(part, isSecret ? "not shown" : "'\(text)'", "UTF-8 with %XX for special characters")
        }
        return decoded
    }
}

extension RedisURL {
    /// The servers of the list, `localhost` when there is none.
    func hosts(defaultPort: Int) throws -> [RedisEndpoint] {
        guard !hostList.isEmpty else { return [.tcp(host: "localhost", port: defaultPort)] }
        return try hostList.split(separator: ",", omittingEmptySubsequences: false).map { item in
            var host = item
            var port: Substring?
            if item.hasPrefix("[") {
                guard let end = item.firstIndex(of: "]") else { throw invalid("host", "'\(item)'", "[address] for IPv6") }
                host = item[..<end].dropFirst()
                let rest = item[end...].dropFirst()
                guard rest.isEmpty || rest.hasPrefix(":") else { throw invalid("host", "'\(item)'", "[address]:port") }
                port = rest.isEmpty ? nil : rest.dropFirst()
            } else if let colon = item.firstIndex(of: ":") {
                host = item[..<colon]
                port = item[colon...].dropFirst()
                guard port?.contains(":") == false else {
                    throw invalid("host", "'\(item)'", "in brackets when it is an IPv6 address: [::1]:6379")
                }
            }
            guard !host.isEmpty else { throw invalid("host", "'\(item)'", "a name or an address") }
            guard let port, !port.isEmpty else { return .tcp(host: try decode(host, "host"), port: defaultPort) }
            guard let number = Int(port), (1...65_535).contains(number) else {
                throw invalid("port", "'\(port)'", "1 to 65535")
            }
            return .tcp(host: try decode(host, "host"), port: number)
        }
    }

    /// The number of the database, from the path or from `db`.
    mutating func database() throws -> Int? {
        let inPath = socketPath == nil ? String(path.drop { $0 == "/" }) : ""
        let inQuery = try take("db")
        if !inPath.isEmpty, inQuery != nil { throw invalid("db", "given in path and query", "given once") }
        guard let text = inPath.isEmpty ? inQuery : inPath else { return nil }
        guard let number = Int(text), number >= 0 else { throw invalid("database", "'\(text)'", "a number, 0 or more") }
        return number
    }

    /// Takes out a value of the query.
    mutating func take(_ name: String) throws -> String? {
        guard let index = query.firstIndex(where: { $0.name == name }) else { return nil }
        return query.remove(at: index).value
    }

    mutating func takeNumber(_ name: String) throws -> Int? {
        guard let text = try take(name) else { return nil }
        guard let number = Int(text), number >= 1 else { throw invalid(name, "'\(text)'", "a number, at least 1") }
        return number
    }

    mutating func takeFlag(_ name: String) throws -> Bool? {
        switch try take(name) {
        case nil: return nil
        case "true", "1": return true
        case "false", "0": return false
        case let text?: throw invalid(name, "'\(text)'", "true or false")
        }
    }

    mutating func takeDuration(_ name: String) throws -> Duration? {
        guard let text = try take(name) else { return nil }
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        // A year is more than any of them needs, and far from overflowing.
        if let number = Int64(digits), number >= 1, number <= 366 * 86_400_000 {
            switch text[digits.endIndex...] {
            case "ms": return .milliseconds(number)
            case "s", "": return .seconds(number)
            case "m": return .seconds(60 * number)
            default: break
            }
        }
        throw invalid(name, "'\(text)'", "a number with ms, s or m: 500ms, 5s, 1m")
    }

    /// Throws when the query holds a name that means nothing.
    func checkThatNothingIsLeft() throws {
        guard let left = query.first else { return }
        throw invalid("query", "'\(left.name)'", "an option that this kind of URL has")
    }
}

extension String {
    fileprivate func firstRange(ofText text: String) -> Range<Index>? {
        var start = startIndex
        while start < endIndex {
            if self[start...].hasPrefix(text) { return start..<index(start, offsetBy: text.count) }
            start = index(after: start)
        }
        return nil
    }
}
