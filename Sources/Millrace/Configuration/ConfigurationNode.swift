/// A value of a configuration, and where it comes from.
struct ConfigurationNode: Sendable {
    enum Content: Sendable {
        /// The keys in their order; each is there once.
        case object([(key: String, node: ConfigurationNode)])
        case array([ConfigurationNode])
        case text(String)
        /// A number as it was written.
        case number(String)
        case flag(Bool)
        case null
    }

    var content: Content
    /// The variable of the environment that it comes from; nil when it stands in the file. Its text may stand for a number or a
    /// flag as well.
    var variable: String?
    /// The variable for which an object was made that the file does not have.
    var maker: String?

    init(_ content: Content, variable: String? = nil) {
        self.content = content
        self.variable = variable
    }

    var members: [(key: String, node: ConfigurationNode)]? { if case .object(let members) = content { members } else { nil } }

    /// What an error shows of it.
    var description: String {
        switch content {
        case .object: "an object"
        case .array: "an array"
        // What looks like a URL may hold a password.
        case .text(let text): text.contains("@") || text.contains("://") ? "text that is not shown" : "'\(text.prefix(80))'"
        case .number(let text): text
        case .flag(let flag): "\(flag)"
        case .null: "null"
        }
    }
}

/// The names on the way to a value: `handlers.audit.concurrency`.
struct ConfigurationPath: Sendable, CustomStringConvertible {
    private(set) var steps: [String] = []

    var description: String { steps.joined(separator: ".").replacing(".[", with: "[") }

    /// One step further; a name with a dot or a space is put in quotes.
    func appending(_ name: String) -> ConfigurationPath {
        let isPlain = !name.isEmpty && !name.contains { ".[\"".contains($0) || $0.isWhitespace }
        return ConfigurationPath(steps: steps + [isPlain ? name : name.debugDescription])
    }

    /// One step further, into an array.
    func appending(_ index: Int) -> ConfigurationPath { ConfigurationPath(steps: steps + ["[\(index)]"]) }
}

/// Where a value stands, for errors: the file, or the variable that it comes from, and the path of its key.
struct ConfigurationPlace: Sendable, CustomStringConvertible {
    /// The name of the file.
    let source: String
    var path = ConfigurationPath()
    var variable: String?

    var description: String { "\(variable ?? source): \(path.steps.isEmpty ? "the file" : "\(path)")" }

    func error(_ text: String, underlying: (any Error)? = nil) -> MillraceError {
        MillraceError(.invalidConfiguration, "\(self)\(text)", underlying: underlying, isRetriable: false)
    }

    func error(_ value: String, bound: String) -> MillraceError { error(" is \(value), it must be \(bound)") }

    /// Another error with this place in front of it.
    func locating(_ error: any Error) -> any Error {
        guard let error = error as? MillraceError, error.code != .invalidConfiguration else { return error }
        return MillraceError(
            error.code, "\(self): \(error.message)", underlying: error.underlying, isRetriable: error.isRetriable,
            failures: error.failures)
    }
}
