/// What a service is told from outside: its transports, and settings for its router and its handlers.
///
/// ```json
/// {
///     "transports": { "main": "redis://127.0.0.1:6379?password-env=REDIS_PASSWORD" },
///     "handlers": { "audit": { "concurrency": 8, "ordered": "by-key", "middleware": { "retry": { "attempts": 3 } } } }
/// }
/// ```
///
/// Every value can be replaced by a variable of the environment: `MILLRACE_HANDLERS__AUDIT__CONCURRENCY=16`. A file holds no
/// secrets: passwords come from files of their own or from the environment. No description and no error shows one.
public struct Configuration: Sendable {
    /// What errors call it: the name of the file.
    public let source: String
    let transports: [TransportSetting]
    let defaultTransport: String?
    let defaults: HandlerSettings
    /// The settings of handlers, by the names that the configuration has for them.
    let handlers: [(name: String, settings: HandlerSettings)]
    let router: RouterSettings

    /// Reads a file.
    ///
    /// - Parameters:
    ///   - path: The file, JSON in UTF-8 of at most 4 megabytes.
    ///   - environment: Variables that replace values, and that hold secrets. Defaults to nil: those of the process.
    /// - Throws: A ``MillraceError`` of code `invalidConfiguration` or `invalidOption` that names the file, the key, its value and
    ///   its bound.
    public init(file path: String, environment: [String: String]? = nil) throws {
        let text: String
        do {
            text = try TextFile.read(path, upTo: 4 << 20)
        } catch {
            throw MillraceError(.invalidConfiguration, "\(path): \(error.reason)", isRetriable: false)
        }
        let name = path.split(separator: "/").last.map(String.init) ?? path
        try self.init(json: text, source: name, environment: environment)
    }

    /// Reads a text, which errors call `source`. See ``init(file:environment:)``.
    public init(json text: String, source: String = "configuration", environment: [String: String]? = nil) throws {
        self.source = source
        let environment = environment ?? ProcessEnvironment.variables
        let root = try EnvironmentOverrides.apply(
            environment, to: JSONReader.read(text, source: source), source: source)
        var section = try ConfigurationSection(root, at: ConfigurationPlace(source: source))

        transports = try section.takeMembers("transports") { name, node, place in
            try TransportSetting(name, node, at: place, environment: environment)
        }
        let names = transports.map(\.name)
        var defaultTransport = names.count == 1 ? names.first : nil
        defaults =
            try section.takeSection("defaults") { defaults in
                defaultTransport = try defaults.takeName("transport", of: names) ?? defaultTransport
                return try HandlerSettings(defaults: &defaults)
            } ?? HandlerSettings(at: section.place(of: "defaults"))
        self.defaultTransport = defaultTransport
        handlers = try section.takeMembers("handlers") { name, node, place in
            (name, try HandlerSettings(handler: node, at: place, transports: names))
        }
        router = try section.takeSection("router") { try RouterSettings(&$0) } ?? RouterSettings()
        try section.finish()
    }

    /// The names of its transports, in their order.
    public var transportNames: [String] { transports.map(\.name) }

    /// The URL of a transport, with the options that stand beside it. Throws a ``MillraceError`` of code
    /// `invalidConfiguration` that lists the names when there is none of that name.
    public func transport(_ name: String) throws -> TransportURL {
        guard let setting = transports.first(where: { $0.name == name }) else { throw noTransport(name) }
        return setting.url
    }

    func noTransport(_ name: String) -> MillraceError {
        MillraceError(
            .invalidConfiguration,
            "\(source): there is no transport '\(name)'" + NearestName.hint(name, among: transportNames, label: "Transports"),
            isRetriable: false)
    }
}

extension Configuration: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// Its name, and its transports without their secrets.
    public var description: String {
        "\(source): " + transports.map { "\($0.name) = \($0.url)" }.joined(separator: ", ")
    }

    /// The same as ``description``.
    public var debugDescription: String { description }

    /// No parts: a dump shows what ``description`` shows.
    public var customMirror: Mirror { Mirror(self, children: []) }
}

extension ConfigurationSection {
    /// Takes out an object whose keys are names that somebody gave.
    fileprivate mutating func takeMembers<Member>(
        _ key: String, _ make: (String, ConfigurationNode, ConfigurationPlace) throws -> Member
    ) throws -> [Member] {
        guard let node = takeNode(key) else { return [] }
        let section = try ConfigurationSection(node, at: place(of: key, node))
        return try (node.members ?? []).map { name, node in
            guard !name.isEmpty else { throw section.place.error(": there is an empty name in it") }
            return try make(name, node, section.place(of: name, node))
        }
    }
}
