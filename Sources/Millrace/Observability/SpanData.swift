/// A piece of work that was traced.
public struct SpanData: Sendable {
    /// The role of a span among others, by OpenTelemetry.
    public enum Kind: String, Sendable {
        /// Did something within the process.
        case `internal`
        /// Answered a request.
        case server
        /// Asked somebody else.
        case client
        /// Made a message.
        case producer
        /// Handled a message.
        case consumer
    }

    /// How it ended.
    public enum Status: Sendable, Hashable {
        /// Nobody has said.
        case unset
        /// Well, as somebody has said who knows.
        case ok
        /// Badly, with what went wrong.
        case error(String)
    }

    /// What was done to what: `process orders`.
    public let name: String
    /// The span's role.
    public let kind: Kind
    /// The span's identity.
    public let context: TraceContext
    /// The span that this one is part of; nil for the first of a trace.
    public let parent: TraceContext?
    /// When it began, in nanoseconds since 1970.
    public let start: Int64
    /// When it ended, in nanoseconds since 1970; at its start unless set.
    public var end: Int64
    /// What is known of it, by the names of the semantic conventions.
    public var attributes: [(String, SpanValue)]
    /// Spans that it has to do with: for a consumer, the one that made the message.
    public var links: [TraceContext]
    /// How it ended. Unset at first.
    public var status = Status.unset

    /// A span that has begun.
    ///
    /// - Parameters:
    ///   - name: What is done to what, with few different values.
    ///   - kind: The span's role.
    ///   - context: The span's identity.
    ///   - parent: The span that this one is part of; nil for the first of a trace.
    ///   - start: When it began, in nanoseconds since 1970.
    ///   - attributes: What is known of it.
    ///   - links: Spans that it has to do with.
    public init(
        name: String, kind: Kind, context: TraceContext, parent: TraceContext?, start: Int64,
        attributes: [(String, SpanValue)] = [], links: [TraceContext] = []
    ) {
        self.name = name
        self.kind = kind
        self.context = context
        self.parent = parent
        self.start = start
        end = start
        self.attributes = attributes
        self.links = links
    }

    /// What went wrong; nil if nothing did.
    public var error: String? { if case .error(let text) = status { text } else { nil } }
}

/// The value of a span's attribute.
public enum SpanValue: Sendable, Hashable {
    /// Text.
    case string(String)
    /// A whole number.
    case int(Int)
    /// A number.
    case double(Double)
    /// Yes or no.
    case bool(Bool)
}

extension SpanValue: ExpressibleByStringInterpolation, ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral,
    ExpressibleByBooleanLiteral
{
    /// Text.
    public init(stringLiteral value: String) { self = .string(value) }
    /// A whole number.
    public init(integerLiteral value: Int) { self = .int(value) }
    /// A number.
    public init(floatLiteral value: Double) { self = .double(value) }
    /// Yes or no.
    public init(booleanLiteral value: Bool) { self = .bool(value) }
}

extension SpanValue: CustomStringConvertible {
    /// The value as text.
    public var description: String {
        switch self {
        case .string(let value): value
        case .int(let value): "\(value)"
        case .double(let value): "\(value)"
        case .bool(let value): "\(value)"
        }
    }
}
