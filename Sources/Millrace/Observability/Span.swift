/// A piece of work that was traced.
public struct Span: Sendable {
    /// The role of a span among others, by OpenTelemetry.
    public enum Kind: String, Sendable {
        /// Made a message.
        case producer
        /// Handled a message.
        case consumer
    }

    /// What was done to what: `process orders`.
    public let name: String
    /// The span's role.
    public let kind: Kind
    /// The span's identity.
    public let context: TraceContext
    /// The span that this one is part of; nil for the first of a trace.
    public let parent: TraceContext?
    /// When it began, in milliseconds since 1970.
    public let start: Int64
    /// When it ended, in milliseconds since 1970.
    public var end: Int64
    /// What is known of it, by the names of the semantic conventions.
    public var attributes: [(String, String)]
    /// Spans that it has to do with: for a consumer, the one that made the message.
    public var links: [TraceContext]
    /// What went wrong; nil if nothing did.
    public var error: String?

    init(
        name: String, kind: Kind, context: TraceContext, parent: TraceContext?, start: Int64,
        attributes: [(String, String)]
    ) {
        self.name = name
        self.kind = kind
        self.context = context
        self.parent = parent
        self.start = start
        end = start
        self.attributes = attributes
        links = parent.map { [$0] } ?? []
    }
}

/// Takes spans that have ended. Called on the path of a message: it must return quickly and not block.
public protocol SpanExporter: Sendable {
    /// Takes a span.
    func export(_ span: Span)
}

/// Keeps spans for tests.
public final class InMemorySpanExporter: SpanExporter {
    private let kept = Lock<[Span]>([])

    /// An exporter without spans.
    public init() {}

    /// Keeps a span.
    public func export(_ span: Span) { kept.withLock { $0.append(span) } }

    /// The spans so far, in the order in which they ended.
    public var spans: [Span] { kept.withLock { $0 } }
}

/// Writes each span as a line of JSON.
public struct JSONLinesSpanExporter: SpanExporter {
    private let write: @Sendable (String) -> Void

    /// An exporter that gives each line, without its line break, to `write`. Defaults to standard error.
    public init(write: @escaping @Sendable (String) -> Void = ConsoleLog.writeToStandardError) { self.write = write }

    /// Writes a span.
    public func export(_ span: Span) {
        let fields = [
            ("name", JSONText.string(span.name)), ("kind", JSONText.string(span.kind.rawValue)),
            ("traceId", JSONText.string(span.context.traceIDText)), ("spanId", JSONText.string(span.context.spanIDText)),
            ("parentSpanId", span.parent.map { JSONText.string($0.spanIDText) } ?? "null"),
            ("startTime", JSONText.string(Timestamp.text(unixMilliseconds: span.start))),
            ("endTime", JSONText.string(Timestamp.text(unixMilliseconds: span.end))),
            ("attributes", JSONText.object(span.attributes)),
            ("links", "[" + span.links.map { JSONText.string($0.traceParent) }.joined(separator: ",") + "]"),
            ("error", span.error.map(JSONText.string) ?? "null"),
        ]
        write("{" + fields.map { "\(JSONText.string($0)):\($1)" }.joined(separator: ",") + "}")
    }
}
