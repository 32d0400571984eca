import Foundation
import Millrace

/// Writes an `ExportTraceServiceRequest` as OTLP asks for it: the JSON of protobuf, but with ids in hexadecimal and
/// enumerations as numbers.
struct OTLPRequest {
    /// Which conventions names and attributes follow.
    private static let schema = "https://opentelemetry.io/schemas/1.44.0"
    private let before: String

    init(resource: [(String, SpanValue)]) {
        before =
            "{\"resourceSpans\":[{\"resource\":{\"attributes\":\(Self.attributes(resource))},"
            + "\"scopeSpans\":[{\"scope\":{\"name\":\"millrace\",\"version\":\"\(MillraceRelease.version)\"},\"schemaUrl\":\"\(Self.schema)\",\"spans\":["
    }

    func body(_ spans: [SpanData]) -> Data {
        var text = before
        for (index, span) in spans.enumerated() {
            if index > 0 { text += "," }
            Self.write(span, into: &text)
        }
        text += "]}]}]}"
        return Data(text.utf8)
    }

    private static func write(_ span: SpanData, into text: inout String) {
        text += "{\"traceId\":\"\(span.context.traceIDText)\",\"spanId\":\"\(span.context.spanIDText)\""
        writeState(span.context, into: &text)
        if let parent = span.parent { text += ",\"parentSpanId\":\"\(parent.spanIDText)\"" }
        // Of a span, the flags say whether its parent came from elsewhere.
        text += ",\"flags\":\(flags(span.context, isRemote: span.parent?.isRemote ?? false))"
        text += ",\"name\":\(JSONText.string(span.name)),\"kind\":\(number(span.kind))"
        text += ",\"startTimeUnixNano\":\"\(max(0, span.start))\",\"endTimeUnixNano\":\"\(max(0, span.end))\""
        text += ",\"attributes\":\(attributes(span.attributes))"
        if !span.links.isEmpty { text += ",\"links\":[\(span.links.map(link).joined(separator: ","))]" }
        switch span.status {
        case .unset: break
        case .ok: text += ",\"status\":{\"code\":1}"
        case .error(let message): text += ",\"status\":{\"message\":\(JSONText.string(message)),\"code\":2}"
        }
        text += "}"
    }

    private static func link(_ context: TraceContext) -> String {
        var text = "{\"traceId\":\"\(context.traceIDText)\",\"spanId\":\"\(context.spanIDText)\""
        writeState(context, into: &text)
        return text + ",\"flags\":\(flags(context, isRemote: context.isRemote))}"
    }

    private static func writeState(_ context: TraceContext, into text: inout String) {
        if let state = context.state, !state.isEmpty { text += ",\"traceState\":\(JSONText.string(state))" }
    }

    /// The flags of W3C, and two bits more: whether it is known if the context came from elsewhere, and whether it did.
    private static func flags(_ context: TraceContext, isRemote: Bool) -> UInt32 {
        UInt32(context.flags) | 0x100 | (isRemote ? 0x200 : 0)
    }

    private static func number(_ kind: SpanData.Kind) -> Int {
        switch kind {
        case .internal: 1
        case .server: 2
        case .client: 3
        case .producer: 4
        case .consumer: 5
        }
    }

    private static func attributes(_ attributes: [(String, SpanValue)]) -> String {
        let list = attributes.map { "{\"key\":\(JSONText.string($0.0)),\"value\":\(value($0.1))}" }
        return "[\(list.joined(separator: ","))]"
    }

    private static func value(_ value: SpanValue) -> String {
        switch value {
        case .string(let text): "{\"stringValue\":\(JSONText.string(text))}"
        // 64 bits are more than a number of JSON is sure to keep.
        case .int(let number): "{\"intValue\":\"\(number)\"}"
        case .bool(let flag): "{\"boolValue\":\(flag)}"
        case .double(let number): "{\"doubleValue\":\(text(number))}"
        }
    }

    private static func text(_ number: Double) -> String {
        if number.isNaN { return "\"NaN\"" }
        if number.isInfinite { return number < 0 ? "\"-Infinity\"" : "\"Infinity\"" }
        return "\(number)"
    }
}
