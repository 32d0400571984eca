import Foundation
import Millrace
import Testing

@testable import MillraceOTLP

@Suite struct OTLPRequestTests {
    private static func text(_ spans: [SpanData], resource: [(String, SpanValue)] = []) -> String {
        String(decoding: OTLPRequest(resource: resource).body(spans), as: UTF8.self)
    }

    @Test("A request has the shape that OTLP gives to JSON, key for key")
    func shape() {
        let made = TraceContext(traceID: (0x5B8E_FFF7_9803_8103, 0xD269_B633_813F_C60C), spanID: 0xEEE1, isRemote: true)
        let context = TraceContext(traceID: made.traceID, spanID: 0xABC, state: "v=\"1\"")
        var process = SpanData(
            name: "process \"a\"", kind: .consumer, context: context, parent: made, start: 1_544_712_660_000_000_000,
            attributes: [
                ("messaging.system", "memory"), ("count", .int(.max)), ("share", 0.5), ("none", .double(.nan)),
                ("far", .double(-.infinity)), ("yes", true),
            ], links: [made])
        process.end = 1_544_712_661_000_000_001
        process.status = .error("no\nway")
        var create = SpanData(
            name: "create b", kind: .producer, context: TraceContext(traceID: (0, 1), spanID: 2, flags: 3), parent: context,
            start: -1)
        create.status = .ok
        #expect(
            Self.text([process, create], resource: [("service.name", "shop")])
                == [
                    #"{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}}]},"#,
                    #""scopeSpans":[{"scope":{"name":"millrace","version":"\#(MillraceRelease.version)"},"schemaUrl":"https://opentelemetry.io/schemas/1.44.0","#,
                    #""spans":[{"traceId":"5b8efff798038103d269b633813fc60c","spanId":"0000000000000abc","#,
                    #""traceState":"v=\"1\"","parentSpanId":"000000000000eee1","flags":769,"name":"process \"a\"","kind":5,"#,
                    #""startTimeUnixNano":"1544712660000000000","endTimeUnixNano":"1544712661000000001","#,
                    #""attributes":[{"key":"messaging.system","value":{"stringValue":"memory"}},"#,
                    #"{"key":"count","value":{"intValue":"9223372036854775807"}},{"key":"share","value":{"doubleValue":0.5}},"#,
                    #"{"key":"none","value":{"doubleValue":"NaN"}},{"key":"far","value":{"doubleValue":"-Infinity"}},"#,
                    #"{"key":"yes","value":{"boolValue":true}}],"#,
                    #""links":[{"traceId":"5b8efff798038103d269b633813fc60c","spanId":"000000000000eee1","flags":769}],"#,
                    #""status":{"message":"no\nway","code":2}},"#,
                    #"{"traceId":"00000000000000000000000000000001","spanId":"0000000000000002","#,
                    #""parentSpanId":"0000000000000abc","flags":259,"name":"create b","kind":4,"startTimeUnixNano":"0","#,
                    #""endTimeUnixNano":"0","attributes":[],"status":{"code":1}}]}]}]}"#,
                ].joined())
    }

    @Test("Without a parent, state, link or status nothing stands for them")
    func absence() {
        let span = SpanData(
            name: "s", kind: .internal, context: TraceContext(traceID: (0, 1), spanID: 2, state: ""), parent: nil, start: 7)
        let text = Self.text([span])
        for key in ["parentSpanId", "traceState", "links", "status"] { #expect(!text.contains(key)) }
        #expect(text.contains(#""flags":257,"name":"s","kind":1,"#))
    }

    @Test("Any text comes through", arguments: ["", "\u{0}\u{1F}\u{7F}", "\"\\/", "ü€😀\u{2028}", "\r\n\t"])
    func textComesThrough(_ text: String) throws {
        let span = SpanData(
            name: text, kind: .client, context: TraceContext(traceID: (0, 1), spanID: 2), parent: nil, start: 7,
            attributes: [("k", .string(text))])
        let found = try #require(TraceRequest(OTLPRequest(resource: []).body([span]))).spans
        #expect(found.map(\.name) == [text])
        #expect(found.first?["k"] == text)
    }
}
