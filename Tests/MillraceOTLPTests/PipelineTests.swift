import Foundation
import Millrace
import MillraceMemory
import MillraceTesting
import Testing

@testable import MillraceOTLP

@Suite(.timeLimit(.minutes(1))) struct PipelineTests {
    private let events = RecordingObserver()

    private func exporter(_ options: OTLPOptions) throws -> OTLPExporter {
        try OTLPExporter(options, observers: Observers([events]))
    }

    private var span: SpanData {
        SpanData(name: "a", kind: .internal, context: TraceContext(traceID: (0, 1), spanID: 2), parent: nil, start: 0)
    }

    @Test("A pipeline of three hops is one trace, with the right parents, links and times, when the router has ended")
    func threeHops() async throws {
        let server = try CollectorServer()
        let exporter = try exporter(
            .init(endpoint: server.endpoint, headers: ["x-key": "secret"], resource: ["service.name": "shop"]))
        let broker = MemoryTransport(observers: Observers([]))
        let router = Router(.init(observers: [], plugins: [exporter])) { TracingMiddleware(exportingTo: exporter) }
        try router.handle("one", from: "a", on: broker, to: "b") { _, _ in [Message(text: "1")] }
        try router.handle("two", from: "b", on: broker, to: "c") { _, _ in [Message(text: "2")] }
        try router.handle("three", from: "c", on: broker, to: "d") { _, _ in [Message(text: "3")] }
        let out = try await TopicProbe(of: "d", on: broker)
        let origin = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        let before = SystemClock.shared.unixNanoseconds
        let last = try await withRunning(router) {
            try await broker.publish(Message(text: "x", metadata: ["traceparent": origin]), to: "a")
            return try await out.next()
        }
        await server.close()

        let spans = server.spans
        #expect(spans.count == 6)
        #expect(exporter.exportedCount == 6)
        #expect(Set(spans.map(\.traceId)) == ["0af7651916cd43dd8448eb211c80319c"])
        #expect(Set(spans.map(\.spanId)).count == 6)
        var parent = "b7ad6b7169203331"
        for (topic, next, handler) in [("a", "b", "one"), ("b", "c", "two"), ("c", "d", "three")] {
            let process = try #require(spans.first { $0.name == "process \(topic)" })
            #expect(process.parentSpanId == parent)
            #expect(process.links?.map(\.spanId) == [parent])
            #expect(process.links?.map(\.traceId) == [process.traceId])
            #expect(process.kind == 5)
            #expect(process.flags == 0x301)
            #expect(process["messaging.destination.name"] == topic)
            #expect(process["messaging.consumer.group.name"] == handler)
            #expect(process["millrace.attempt"] == "1")
            let create = try #require(spans.first { $0.name == "create \(next)" })
            #expect(create.parentSpanId == process.spanId)
            #expect(create.links == nil)
            #expect(create.kind == 4)
            #expect(create.flags == 0x101)
            let times = try [process.startTimeUnixNano, create.startTimeUnixNano, process.endTimeUnixNano].map {
                try #require(Int64($0))
            }
            #expect(times == times.sorted())
            #expect(times[0] >= before)
            parent = create.spanId
        }
        #expect(last.metadata["traceparent"] == "00-0af7651916cd43dd8448eb211c80319c-\(parent)-01")

        let request = try #require(server.requests.first)
        #expect(request.head.hasPrefix("POST /v1/traces HTTP/1.1\r\n"))
        #expect(request.head.lowercased().contains("\r\ncontent-type: application/json\r\n"))
        #expect(request.head.lowercased().contains("\r\nx-key: secret\r\n"))
        let resource = try #require(TraceRequest(request.body)?.resourceSpans.first?.resource)
        #expect(resource.attributes.map(\.key) == ["service.name"])
        #expect(resource.attributes.first?.value.stringValue == "shop")
    }

    @Test("A collector that is busy gets the spans when it has asked for them")
    func busyCollector() async throws {
        let server = try CollectorServer("503 Busy\r\nRetry-After: 0\r\nContent-Length: 4\r\n\r\nbusy")
        let exporter = try exporter(.init(endpoint: server.endpoint))
        exporter.export(span)
        #expect(try await exporter.flushed())
        #expect(server.spans.count == 2)
        #expect(exporter.exportedCount == 1)
        await server.close()
    }

    @Test("A redirect is not followed, because headers may hold keys")
    func redirect() async throws {
        let other = try CollectorServer()
        let server = try CollectorServer(
            "307 Elsewhere\r\nLocation: http://127.0.0.1:\(other.port)/\r\nContent-Length: 0\r\n\r\n")
        let exporter = try exporter(.init(endpoint: server.endpoint, headers: ["x-key": "secret"]))
        exporter.export(span)
        #expect(try await !exporter.flushed())
        #expect(other.requests.isEmpty)
        #expect(exporter.droppedCount == 1)
        await server.close()
        await other.close()
    }

    @Test("Without a collector a router ends in the time that is allowed, and says what was lost")
    func noCollector() async throws {
        let server = try CollectorServer()
        await server.close()
        let exporter = try exporter(.init(endpoint: server.endpoint, flushTimeout: .milliseconds(100)))
        let broker = MemoryTransport(observers: Observers([]))
        let router = Router(.init(observers: [], plugins: [exporter])) { TracingMiddleware(exportingTo: exporter) }
        try router.handle("one", from: "a", on: broker, to: "b") { message, _ in [message] }
        let out = try await TopicProbe(of: "b", on: broker)
        try await withRunning(router) {
            try await broker.publish(Message(text: "x"), to: "a")
            _ = try await out.next()
        }
        #expect(exporter.droppedCount == 2)
        #expect(events.count { if case .spansDropped(2, _) = $0.kind { true } else { false } } == 1)
    }

    @Test("A collector that never answers is left alone when the time is up")
    func silentCollector() async throws {
        let server = try CollectorServer("")
        let exporter = try exporter(.init(endpoint: server.endpoint, flushTimeout: .milliseconds(100)))
        exporter.export(span)
        #expect(try await !exporter.flushed(within: .milliseconds(100)))
        #expect(exporter.droppedCount == 1)
        await server.close()
    }
}
