@testable import Millrace
import TestSupport
import MillraceMemory
import MillraceTesting
import Testing

@Suite(.timeLimit(.minutes(1))) struct TracingTests {
    @Test(arguments: [
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00",
    ])
    func wellFormedContextsComeBack(text: String) throws {
        let context = try #require(TraceContext(traceParent: text, state: "a=b"))
        #expect(context.traceParent == text)
        #expect(context.isSampled == text.hasSuffix("01"))
        #expect(context.state == "a=b")
    }

    @Test(arguments: [
        "", "00", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
        "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-00000000000000000000000000000000-b7ad6b7169203331-01", "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
        "00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x",
        "00-+af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "0-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    ])
    func malformedContextsAreIgnored(text: String) {
        #expect(TraceContext(traceParent: text, state: nil) == nil)
    }

    @Test func laterVersionsMayHaveMoreFields() {
        let text = "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more"
        #expect(TraceContext(traceParent: text, state: nil)?.spanIDText == "b7ad6b7169203331")
    }

    @Test func aPipelineIsOneTrace() async throws {
        let exporter = InMemorySpanExporter()
        let bench = try Bench()
        let router = Router(bench.options) { TracingMiddleware(exportingTo: exporter) }
        try router.handle("one", from: "a", on: bench.broker, to: "b") { message, _ in [Message(text: "1")] }
        try router.handle("two", from: "b", on: bench.broker, to: "c") { message, _ in [Message(text: "2")] }
        let out = try await TopicProbe(of: "c", on: bench.broker)
        let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        try await withRunning(router) {
            try await bench.broker.publish(
                Message(text: "x", metadata: ["traceparent": parent, "tracestate": "v=1"]), to: "a")
            let last = try await out.next()
            let spans = exporter.spans
            #expect(spans.map(\.name) == ["create b", "process a", "create c", "process b"])
            #expect(Set(spans.map(\.context.traceIDText)) == ["0af7651916cd43dd8448eb211c80319c"])
            #expect(spans[1].parent?.spanIDText == "b7ad6b7169203331")
            #expect(spans[0].parent == spans[1].context)
            #expect(spans[3].parent == spans[0].context)
            #expect(spans[3].links == [spans[0].context])
            #expect(spans[2].parent == spans[3].context)
            #expect(last.metadata["traceparent"] == spans[2].context.traceParent)
            #expect(last.metadata["tracestate"] == "v=1")
            #expect(spans[1].kind == .consumer && spans[0].kind == .producer)
            let attributes = Dictionary(uniqueKeysWithValues: spans[1].attributes)
            #expect(attributes["messaging.system"] == "memory")
            #expect(attributes["messaging.destination.name"] == "a")
            #expect(attributes["messaging.operation.type"] == "process")
            #expect(attributes["messaging.consumer.group.name"] == "one")
            #expect(attributes["millrace.attempt"] == 1)
            #expect(spans[1].parent?.isRemote == true && spans[0].parent?.isRemote == false)
            #expect(spans[1].status == .unset)
        }
    }

    @Test("Spans last as long as their work, to the nanosecond")
    func spansAreTimed() async throws {
        let exporter = InMemorySpanExporter()
        let clock = ManualClock(startUnixMilliseconds: 1_000)
        clock.advance(by: .nanoseconds(5))
        try await Bench(clock: clock).run {
            TracingMiddleware(exportingTo: exporter)
        } handler: { message, _ in
            clock.advance(by: .nanoseconds(7))
            return [message]
        } _: { out in
            _ = try await out.next()
        }
        #expect(exporter.spans.map(\.start) == [1_000_000_012, 1_000_000_005])
        #expect(exporter.spans.map(\.end) == [1_000_000_012, 1_000_000_012])
    }

    @Test("Traces that are not to go on begin anew, with a link, and sampled as they were", arguments: ["01", "00"])
    func tracesBeginAnew(flags: String) async throws {
        let exporter = InMemorySpanExporter()
        let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-\(flags)"
        try await Bench().run([Message(text: "x", metadata: ["traceparent": parent])]) {
            TracingMiddleware(exportingTo: exporter, continuesTraces: false)
        } handler: { _, _ in
            [Message(text: "z")]
        } _: { out in
            let passed = try await out.next().metadata["traceparent"] ?? ""
            #expect(!passed.contains("0af7651916cd43dd8448eb211c80319c") && passed.hasSuffix(flags))
        }
        #expect(exporter.spans.count == (flags == "01" ? 2 : 0))
        guard let process = exporter.spans.last else { return }
        #expect(process.parent == nil)
        #expect(process.links.map(\.traceParent) == [parent])
    }

    @Test func failuresAreRecorded() async throws {
        let exporter = InMemorySpanExporter()
        let bench = try Bench()
        let poisoned = try await TopicProbe(of: "poison", on: bench.broker)
        try await bench.run {
            PoisonQueue("poison", on: bench.broker)
            TracingMiddleware(exportingTo: exporter)
        } handler: { _, _ in
            throw Flaky()
        } _: { _ in
            _ = try await poisoned.next()
        }
        #expect(exporter.spans.map(\.error) == ["Flaky()"])
        #expect(exporter.spans.first?.attributes.contains { $0 == ("error.type", "Flaky") } == true)
    }

    @Test func withoutAnExporterContextsAreOnlyPassedOn() async throws {
        let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        try await Bench().run([Message(text: "x", metadata: ["traceparent": parent]), Message(text: "y")]) {
            TracingMiddleware()
        } handler: { _, _ in
            [Message(text: "z")]
        } _: { out in
            let traced = try await out.next()
            let bare = try await out.next()
            #expect(traced.metadata["traceparent"] == parent)
            #expect(bare.metadata.isEmpty)
        }
    }

    @Test func unsampledTracesAreNotRecorded() async throws {
        let exporter = InMemorySpanExporter()
        let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
        try await Bench().run([Message(text: "x", metadata: ["traceparent": parent])]) {
            TracingMiddleware(exportingTo: exporter)
        } handler: { message, _ in
            [Message(text: "z")]
        } _: { out in
            let passed = try await out.next().metadata["traceparent"] ?? ""
            #expect(passed.hasPrefix("00-0af7651916cd43dd8448eb211c80319c-") && passed.hasSuffix("-00"))
        }
        #expect(exporter.spans.isEmpty)
    }

    @Test func spansAreLinesOfJSON() throws {
        let lines = Box<[String]>([])
        let exporter = JSONLinesSpanExporter { line in lines.update { $0.append(line) } }
        var span = SpanData(
            name: "process \"a\"", kind: .consumer, context: TraceContext(traceID: (1, 2), spanID: 3), parent: nil, start: 0,
            attributes: [("k", "v\n"), ("n", 7), ("d", 0.5), ("x", .double(.infinity)), ("b", true)])
        span.end = 1_000_000
        span.status = .error("no")
        exporter.export(span)
        #expect(
            lines.value == [
                #"{"name":"process \"a\"","kind":"consumer","traceId":"00000000000000010000000000000002","#
                    + #""spanId":"0000000000000003","parentSpanId":null,"startTime":"1970-01-01T00:00:00.000000000Z","#
                    + #""endTime":"1970-01-01T00:00:00.001000000Z","#
                    + #""attributes":{"k":"v\n","n":7,"d":0.5,"x":"inf","b":true},"links":[],"error":"no"}"#
            ])
    }
}
