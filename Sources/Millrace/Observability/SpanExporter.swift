/// Takes spans that have ended. Called on the path of a message: it must return quickly and not block.
public protocol SpanExporter: Sendable {
    /// Takes a span.
    func export(_ span: SpanData)
}

/// Keeps spans for tests.
public final class InMemorySpanExporter: SpanExporter {
    private let kept = Lock<[SpanData]>([])

    /// An exporter without spans.
    public init() {}

    /// Keeps a span.
    public func export(_ span: SpanData) { kept.withLock { $0.append(span) } }

    /// The spans so far, in the order in which they ended.
    public var spans: [SpanData] { kept.withLock { $0 } }
}

/// Writes each span as a line of JSON.
public struct JSONLinesSpanExporter: SpanExporter {
    private let write: @Sendable (String) -> Void

    /// An exporter that gives each line, without its line break, to `write`. Defaults to standard error.
    public init(write: @escaping @Sendable (String) -> Void = ConsoleLog.writeToStandardError) { self.write = write }

    /// Writes a span.
    public func export(_ span: SpanData) {
        let attributes = span.attributes.map { "\(JSONText.string($0.0)):\(Self.text($0.1))" }.joined(separator: ",")
        let links = span.links.map { JSONText.string($0.traceParent) }.joined(separator: ",")
        var line = "{\"name\":\(JSONText.string(span.name))"
        func add(_ name: String, _ value: String) { line += ",\"\(name)\":\(value)" }
        add("kind", JSONText.string(span.kind.rawValue))
        add("traceId", JSONText.string(span.context.traceIDText))
        add("spanId", JSONText.string(span.context.spanIDText))
        add("parentSpanId", span.parent.map { JSONText.string($0.spanIDText) } ?? "null")
        add("startTime", JSONText.string(Timestamp.text(unixNanoseconds: span.start)))
        add("endTime", JSONText.string(Timestamp.text(unixNanoseconds: span.end)))
        add("attributes", "{\(attributes)}")
        add("links", "[\(links)]")
        add("error", span.error.map(JSONText.string) ?? "null")
        write(line + "}")
    }

    /// JSON has no word for numbers that are none.
    private static func text(_ value: SpanValue) -> String {
        switch value {
        case .string(let text): JSONText.string(text)
        case .double(let number) where !number.isFinite: JSONText.string("\(number)")
        case .double, .int, .bool: value.description
        }
    }
}
