/// A kind of transport: which URLs name it, what options they take, and how it is connected.
///
/// A module that has a transport defines one as a static member, so that a registry can name it:
///
/// ```swift
/// extension TransportFactory {
///     public static var example: TransportFactory {
///         TransportFactory("example", schemes: ["example"], options: [.init("queue", "The queue to use.", default: "default")]) {
///             url, context in try await ExampleTransport(url, clock: context.clock, observers: context.observers)
///         }
///     }
/// }
/// ```
public struct TransportFactory: Sendable {
    /// What an option of a transport's URL means, for people.
    public struct Option: Sendable, Hashable {
        /// Its name, in lower case with `-`.
        public let name: String
        /// What it means, with its unit and bounds.
        public let meaning: String
        /// Its default as it would stand in a URL; nil when there is none.
        public let defaultValue: String?

        /// An option.
        public init(_ name: String, _ meaning: String, default defaultValue: String? = nil) {
            self.name = name
            self.meaning = meaning
            self.defaultValue = defaultValue
        }
    }

    /// What a transport gets from whoever connects it, besides its URL.
    public struct Context: Sendable {
        /// What delays, leases and time-outs are measured by.
        public let clock: any SchedulingClock
        /// Who is told what happens in the transport.
        public let observers: Observers

        /// A context with the given values.
        public init(clock: any SchedulingClock = SystemClock.shared, observers: Observers = .standard) {
            self.clock = clock
            self.observers = observers
        }
    }

    /// Its name, for people.
    public let name: String
    /// The schemes of its URLs, in lower case.
    public let schemes: [String]
    /// A URL to begin with.
    public let example: String
    /// The options of its URLs.
    public let options: [Option]
    private let make: @Sendable (TransportURL, Context) async throws -> any Transport

    /// A kind of transport.
    ///
    /// - Parameters:
    ///   - name: Its name, for people.
    ///   - schemes: The schemes of its URLs, in lower case.
    ///   - example: A URL to begin with. Defaults to nil: the first scheme by itself.
    ///   - options: The options of its URLs, for people. Which ones there are, `connect` decides.
    ///   - connect: Makes a transport from a URL that has one of the schemes, connected and ready; calls
    ///     ``TransportURL/finish()``.
    public init(
        _ name: String, schemes: [String], example: String? = nil, options: [Option] = [],
        connect: @escaping @Sendable (TransportURL, Context) async throws -> any Transport
    ) {
        self.name = name
        self.schemes = schemes
        self.example = example ?? "\(schemes.first ?? name):"
        self.options = options
        make = connect
    }

    /// Connects a transport. Throws what the transport does: a ``MillraceError`` of code `invalidOption` for what is wrong with
    /// the URL, `connectionFailed` when there is no broker.
    public func connect(_ url: TransportURL, _ context: Context = Context()) async throws -> any Transport {
        try await make(url, context)
    }

    /// The schemes, the example and the options, a line for each.
    public var help: String {
        let width = options.map(\.name.count).max() ?? 0
        let lines = options.map { option in
            let padding = String(repeating: " ", count: width - option.name.count)
            return "    \(option.name)\(padding)  \(option.meaning)" + (option.defaultValue.map { " Default: \($0)." } ?? "")
        }
        return (["\(name)  \(example)  (schemes: \(schemes.joined(separator: ", ")))"] + lines).joined(separator: "\n")
    }
}
