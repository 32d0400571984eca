import Foundation

/// A request as a collector reads it. Only what is tested.
struct TraceRequest: Decodable {
    struct Attribute: Decodable {
        struct Value: Decodable {
            let stringValue: String?
            let intValue: String?
        }
        let key: String
        let value: Value
    }

    struct Link: Decodable {
        let traceId: String
        let spanId: String
        let flags: UInt32
    }

    struct Span: Decodable {
        let traceId: String
        let spanId: String
        let parentSpanId: String?
        let name: String
        let kind: Int
        let flags: UInt32
        let startTimeUnixNano: String
        let endTimeUnixNano: String
        let attributes: [Attribute]
        let links: [Link]?

        subscript(key: String) -> String? {
            attributes.first { $0.key == key }.flatMap { $0.value.stringValue ?? $0.value.intValue }
        }
    }

    struct ScopeSpans: Decodable { let spans: [Span] }
    struct Resource: Decodable { let attributes: [Attribute] }
    struct ResourceSpans: Decodable {
        let resource: Resource
        let scopeSpans: [ScopeSpans]
    }

    let resourceSpans: [ResourceSpans]

    init?(_ body: Data) {
        guard let request = try? JSONDecoder().decode(TraceRequest.self, from: body) else { return nil }
        self = request
    }

    var spans: [Span] { resourceSpans.flatMap { $0.scopeSpans.flatMap(\.spans) } }
}
