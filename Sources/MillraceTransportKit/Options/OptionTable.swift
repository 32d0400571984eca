public import Millrace

/// The options of a transport, each stated once: how a URL spells it, what it is in code, which values it may have, and what it means.
///
/// From that the table reads URLs, checks options whoever has set them, and writes the help of the tool and the table in the documentation.
///
/// ```swift
/// extension ExampleOptions {
///     static let table = OptionTable(defaults: ExampleOptions()) {
///         Option("prefetch", \.prefetch, 1...65_536, "How many messages are fetched ahead.")
///         Option("connect-timeout", \.connectTimeout, atLeast: .milliseconds(1), "How long connecting may take.")
///         ExampleTLS.table.nested(in: \.tls)
///     }
///
///     init(url: TransportURL) throws {
///         var url = url
///         self.init()
///         servers = try url.takeHosts(defaultPort: 7000)
///         try Self.table.apply(&url, to: &self)
///         try url.finish(checking: validate)
///     }
///
///     func validate() throws { try Self.table.validate(self, of: "ExampleOptions") }
/// }
/// ```
///
/// What concerns more than one option, or a part of the URL that is none, stays code beside the table.
public struct OptionTable<Options: Sendable>: Sendable {
    /// The options, in the order in which they are read, checked and listed.
    public let options: [Option<Options>]
    let defaults: Options

    /// A table.
    ///
    /// - Parameters:
    ///   - defaults: What the defaults of help and documentation are read from. Of fields that have none, any value.
    ///   - options: The options; names are unique. Those of a structure within are added by ``nested(in:when:)``.
    public init(defaults: Options, @OptionTableBuilder<Options> _ options: () -> [Option<Options>]) {
        self.defaults = defaults
        self.options = options()
    }

    /// Takes the options out of a URL. What the URL does not mention stays as it is.
    ///
    /// - Parameters:
    ///   - url: The URL. Other parts, and options that are not of the table, stay for `TransportURL.finish()`.
    ///   - options: What gets the values. A structure that is nil has no options: see ``nested(in:orMake:)``.
    /// - Throws: A `MillraceError` of code `invalidOption` that names the option as the URL does, its value and its bound, but no secret.
    ///   Some of the options may be set then.
    public func apply(_ url: inout TransportURL, to options: inout Options) throws {
        for option in self.options { _ = try option.take(&url, &options) }
    }

    /// Checks every option, however it was set.
    ///
    /// - Parameters:
    ///   - options: The options.
    ///   - subject: What the error begins with. Defaults to nil: with the option.
    /// - Throws: A `MillraceError` of code `invalidOption` that names the property, its value and its bound, for the first option that is
    ///   out of bounds.
    public func validate(_ options: Options, of subject: String? = nil) throws {
        for option in self.options {
            guard let problem = option.check(options) else { continue }
            throw MillraceError.invalidOption(option.field, problem.value, bound: problem.bound, of: subject)
        }
    }

    /// What a `TransportFactory` has for its help: meaning, bound and default of each option. Secrets are listed by the options that say
    /// where they are, `-file` and `-env`.
    public var help: [TransportFactory.Option] { options.flatMap { $0.help(defaults) } }

    /// The table for the documentation, in Markdown, with a line for each option; without a line break at its end.
    public var markdown: String {
        let head = ["| Option | In code | Values | Default | Means |", "| --- | --- | --- | --- | --- |"]
        return (head + options.map { $0.row(defaults) }).joined(separator: "\n")
    }
}

/// Collects the options of an ``OptionTable``.
@resultBuilder public enum OptionTableBuilder<Options: Sendable> {
    /// An option.
    public static func buildExpression(_ option: Option<Options>) -> [Option<Options>] { [option] }
    /// Those of a structure within.
    public static func buildExpression(_ options: [Option<Options>]) -> [Option<Options>] { options }
    /// All of them, in order.
    public static func buildBlock(_ options: [Option<Options>]...) -> [Option<Options>] { options.flatMap { $0 } }
}
