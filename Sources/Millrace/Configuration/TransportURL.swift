/// The URL of a transport: `redis://user:password@host:6379/0?group=billing`, `memory:?capacity=100`,
/// `sqlite:orders.db?synchronous=normal`.
///
/// Whoever writes a transport takes its parts out one by one and calls ``finish()`` at the end, which refuses what is left:
///
/// ```swift
/// var url = try TransportURL("example://host:7000?queue=orders&connect-timeout=5s")
/// let hosts = try url.takeHosts(defaultPort: 7000)
/// let queue = try url.take("queue") ?? "default"
/// let timeout = try url.takeDuration("connect-timeout") ?? .seconds(5)
/// try url.finish()
/// ```
///
/// User, password, path and values are percent-decoded; a plus sign stays one. Neither an error nor a description shows the
/// user, the password, or any other secret. Not Foundation's `URL`, which knows neither lists of hosts nor which part must not
/// be shown.
public struct TransportURL: Sendable {
    /// The part in front of the first colon, in lower case: it names the kind of transport.
    public let scheme: String
    /// Whether `//` follows the scheme: `redis://host` has an authority, `memory:` has none.
    public let hasAuthority: Bool
    /// Whether there may be a secret where none is looked for: an `@` behind the host may be the end of a password that was not
    /// encoded. Then no error shows any part, and the description shows the scheme alone.
    public let mayHoldSecrets: Bool

    /// What secrets from outside are looked up in.
    let environment: [String: String]
    private var username: String?
    private var password: String?
    /// The hosts as they stand; empty for none.
    var hostList = ""
    private var path = ""
    var query: [(name: String, value: String)] = []
    /// The options that were asked for, whether there or not: those that are known.
    private(set) var known: [String] = []

    static let encodingBound = "a URL in whose password '/', '?', '#', '@' and '%' are percent-encoded"

    /// The parts of a URL.
    ///
    /// - Parameters:
    ///   - text: The URL.
    ///   - environment: The variables that options such as `password-env` may name. Defaults to nil: those of the process.
    /// - Throws: A ``MillraceError`` of code `invalidOption` that names the part, its value and its bound, but no secret.
    public init(_ text: String, environment: [String: String]? = nil) throws {
        self.environment = environment ?? ProcessEnvironment.variables
        let bound = "a URL, such as memory: or redis://127.0.0.1:6379"
        guard let colon = text.firstIndex(of: ":") else {
            throw MillraceError.invalidOption("url", "text without ':'", bound: bound, of: "transport URL")
        }
        let scheme = text[..<colon].lowercased()
        guard Self.isScheme(scheme) else {
            throw MillraceError.invalidOption("scheme", "something else", bound: bound, of: "transport URL")
        }
        self.scheme = scheme
        var rest = text[text.index(after: colon)...]
        hasAuthority = rest.hasPrefix("//")
        if hasAuthority { rest = rest.dropFirst(2) }
        let authority = hasAuthority ? rest.prefix { !"/?#".contains($0) } : rest.prefix(0)
        let tail = rest[authority.endIndex...]
        mayHoldSecrets = tail.contains("@")
        guard !tail.contains("#") else { throw invalid("fragment", "not shown", "left out; it must be \(Self.encodingBound)") }
        if let at = authority.lastIndex(of: "@") {
            try readCredentials(authority[..<at])
            hostList = String(authority[authority.index(after: at)...])
        } else {
            hostList = String(authority)
        }
        let pathText = tail.prefix { $0 != "?" }
        path = try decode(pathText, "path")
        try readQuery(tail.dropFirst(pathText.count).dropFirst())
    }

    /// What can be shown: letters, digits, `+`, `-` and `.`, as RFC 3986 has it, and no longer than any name.
    private static func isScheme(_ text: String) -> Bool {
        guard let first = text.utf8.first, (0x61...0x7A).contains(first), text.utf8.count <= 32 else { return false }
        return text.utf8.allSatisfy { (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || "+-.".utf8.contains($0) }
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
            let isSecret = SecretName.mayHide(key)
            query.append((key, try decode(pair[name.endIndex...].dropFirst(), key, isSecret: isSecret)))
        }
    }

    func decode(_ text: Substring, _ part: String, isSecret: Bool = false) throws -> String {
        guard let decoded = PercentEncoding.decode(text) else {
            throw invalid(part, isSecret ? "not shown" : "'\(text)'", "UTF-8 with %XX for special characters")
        }
        return decoded
    }

    /// An error about a part: `<scheme> URL: <part> is <value>, it must be <bound>`. Shows no value when the URL may hold
    /// secrets.
    public func invalid(_ part: String, _ value: String, _ bound: String) -> MillraceError {
        mayHoldSecrets
            ? .invalidOption("url", "not readable", bound: Self.encodingBound, of: "\(scheme) URL")
            : .invalidOption(part, value, bound: bound, of: "\(scheme) URL")
    }

    // MARK: Parts

    /// Takes out the user; nil when none is given.
    public mutating func takeUsername() -> String? { username.take() }

    /// Takes out the password: from in front of the host, or as option `password`, or from outside by `password-file` or
    /// `password-env`; nil when none is given. For what it throws see ``takeSecret(_:)``.
    public mutating func takePassword() throws -> String? {
        let inside = password.take()
        let option = try takeSecret("password")
        guard inside == nil || option == nil else {
            throw invalid("password", "given in front of the host and as an option", "given once")
        }
        return inside ?? option
    }

    /// Takes out the path, decoded, with the `/` at its beginning if there is one; empty when none is given.
    public mutating func takePath() -> String {
        defer { path = "" }
        return path
    }

    /// Takes out the value of an option; nil when it is not there.
    public mutating func take(_ name: String) throws -> String? {
        if !known.contains(name) { known.append(name) }
        guard let index = query.firstIndex(where: { $0.name == name }) else { return nil }
        return query.remove(at: index).value
    }

    /// Throws when something is left that nobody has taken: a part that this kind of URL does not have, or an option that is
    /// not known, with the nearest one that is.
    public func finish() throws {
        guard username == nil, password == nil else { throw invalid("username", "not shown", "left out") }
        guard hostList.isEmpty else { throw invalid("host", "'\(hostList)'", "left out") }
        guard path.isEmpty else { throw invalid("path", path.debugDescription, "left out") }
        guard let left = query.first else { return }
        throw invalid(
            "query", "'\(left.name)'",
            "an option that this kind of URL has" + NearestName.hint(left.name, among: known.sorted()))
    }

    /// Adds an option, as if it stood in the query. Throws when it is there already.
    mutating func add(_ name: String, _ value: String) throws {
        guard !query.contains(where: { $0.name == name }) else { throw invalid(name, "given twice", "given once") }
        query.append((name, value))
    }

    /// The name of what holds a secret by itself, such as `password`; nil when there is none. What names a file or a variable
    /// is none.
    var inlineSecret: String? {
        if mayHoldSecrets { return "an '@' behind the host" }
        return password != nil ? "password" : query.first { SecretName.isSecret($0.name) }?.name
    }
}

extension TransportURL: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The URL without secrets: `***` stands for user and password, and for the value of an option whose name is like that of a
    /// secret. What has been taken out is left out.
    public var description: String {
        guard !mayHoldSecrets else { return "\(scheme):***" }
        let credentials = username == nil && password == nil ? "" : "***@"
        let options = query.map { SecretName.mayHide($0.name) ? "\($0.name)=***" : "\($0.name)=\($0.value)" }
        return scheme + ":" + (hasAuthority ? "//\(credentials)\(hostList)" : "") + path
            + (options.isEmpty ? "" : "?" + options.joined(separator: "&"))
    }

    /// The same as ``description``.
    public var debugDescription: String { description }

    /// No parts: a dump shows what ``description`` shows.
    public var customMirror: Mirror { Mirror(self, children: []) }
}
