import Foundation
import Millrace
import MillraceTesting
import Testing

@testable import MillraceOTLP

@Suite(.timeLimit(.minutes(1))) struct OTLPExporterTests {
    private let clock = ManualClock(startUnixMilliseconds: 1_767_225_600_000)
    private let events = RecordingObserver()

    private func exporter(
        to collector: ScriptedCollector, _ options: OTLPOptions = .init(), metrics: MetricsRegistry? = nil
    ) throws -> OTLPExporter {
        var options = options
        options.retry = .constant(.seconds(1))
        return try OTLPExporter(
            options, metrics: metrics, observers: Observers([events]), clock: clock, random: RandomSource(seed: 1),
            post: { try await collector.post($0) })
    }

    private func span(_ name: String) -> SpanData {
        SpanData(name: name, kind: .internal, context: TraceContext(traceID: (0, 1), spanID: 2), parent: nil, start: 0)
    }

    /// What was dropped, as observers were told.
    private var reports: [(count: Int, reason: String)] {
        events.events.compactMap { event in
            if case .spansDropped(let count, let reason) = event.kind { (count, reason) } else { nil }
        }
    }

    @Test("Spans wait for others until their delay is over")
    func delayIsKept() async throws {
        let collector = ScriptedCollector()
        let exporter = try exporter(to: collector, .init(delay: .seconds(5)))
        exporter.export(span("a"))
        exporter.export(span("b"))
        #expect(clock.timerCount == 1)
        clock.advance(by: .milliseconds(4_999))
        #expect(clock.timerCount == 1)
        clock.advance(by: .milliseconds(1))
        try await collector.waitForRequests(1)
        #expect(try await exporter.flushed())
        #expect(collector.batches == [["a", "b"]])
        #expect(exporter.exportedCount == 2)
        exporter.export(span("c"))
        #expect(clock.timerCount == 1)
    }

    @Test("A full batch is sent at once, and no request holds more than one")
    func batchesAreBounded() async throws {
        let collector = ScriptedCollector()
        let exporter = try exporter(to: collector, .init(batchSize: 2, queueSize: 10))
        exporter.export(span("a"))
        exporter.export(span("b"))
        try await collector.waitForRequests(1)
        for name in ["c", "d", "e"] { exporter.export(span(name)) }
        #expect(try await exporter.flushed())
        #expect(collector.batches.allSatisfy { $0.count <= 2 })
        #expect(collector.batches.flatMap(\.self) == ["a", "b", "c", "d", "e"])
    }

    @Test("While the collector does not answer, the queue is bounded, and what is dropped is counted")
    func queueIsBounded() async throws {
        let collector = ScriptedCollector(.hang)
        let metrics = MetricsRegistry()
        let exporter = try exporter(to: collector, .init(batchSize: 2, queueSize: 3, flushTimeout: .seconds(4)), metrics: metrics)
        exporter.export(span("a"))
        exporter.export(span("b"))
        try await collector.waitForRequests(1)
        for index in 0..<10 { exporter.export(span("\(index)")) }
        #expect(exporter.droppedCount == 7)
        async let isComplete = exporter.flushed()
        try await clock.waitForTimers(2)
        clock.advance(by: .seconds(4))
        #expect(try await !isComplete)
        #expect(exporter.droppedCount == 12)
        #expect(exporter.exportedCount == 0)
        #expect(reports.map(\.count).sorted() == [2, 3, 7])
        #expect(reports.contains { $0.reason == "the queue of 3 was full" })
        #expect(PrometheusText.text(of: metrics).contains("\nmillrace_spans_dropped_total 12\n"))
        // It goes on.
        exporter.export(span("z"))
        #expect(try await exporter.flushed())
        #expect(exporter.exportedCount == 1)
    }

    @Test("What may pass is tried again with the same spans", arguments: [429, 502, 503, 504, 0])
    func retries(_ status: Int) async throws {
        let collector = ScriptedCollector(status == 0 ? .unreachable : .reply(OTLPReply(status: status)))
        let exporter = try exporter(to: collector)
        exporter.export(span("a"))
        async let isComplete = exporter.flushed(within: .seconds(60))
        try await collector.waitForRequests(1)
        // Those of the queue and of the flush, and then the pause.
        try await clock.waitForTimers(3)
        clock.advance(by: .milliseconds(999))
        #expect(collector.batches.count == 1)
        clock.advance(by: .milliseconds(1))
        #expect(try await isComplete)
        #expect(collector.batches == [["a"], ["a"]])
        #expect(exporter.exportedCount == 1)
        #expect(reports.isEmpty)
    }

    @Test("The collector says how long to wait", arguments: ["7", " 7 ", "Thu, 01 Jan 2026 00:00:07 GMT"])
    func retryAfterIsHonoured(_ header: String) async throws {
        let collector = ScriptedCollector(.reply(OTLPReply(status: 503, retryAfter: header)))
        let exporter = try exporter(to: collector)
        exporter.export(span("a"))
        async let isComplete = exporter.flushed(within: .seconds(60))
        try await collector.waitForRequests(1)
        try await clock.waitForTimers(3)
        clock.advance(by: .milliseconds(6_999))
        #expect(collector.batches.count == 1)
        clock.advance(by: .milliseconds(1))
        #expect(try await isComplete)
        #expect(collector.batches.count == 2)
    }

    @Test(
        "A header that can't be read makes no difference", arguments: ["", "-1", "soon", "99999999999999999999", "Thu, 41 Jan"])
    func nonsenseIsIgnored(_ header: String) {
        #expect(OTLPReply(status: 503, retryAfter: header).delay(at: 0) == nil)
    }

    @Test("What can't work is not tried again", arguments: [400, 401, 404, 413, 500, 301])
    func refusals(_ status: Int) async throws {
        let collector = ScriptedCollector(.reply(OTLPReply(status: status, body: Data("bad data".utf8))))
        let exporter = try exporter(to: collector)
        exporter.export(span("a"))
        #expect(try await !exporter.flushed())
        #expect(collector.batches == [["a"]])
        #expect(exporter.droppedCount == 1)
        #expect(reports.map(\.reason) == ["the collector answered \(status): bad data"])
    }

    @Test(
        "Spans that a collector leaves out are counted",
        arguments: [
            (#"{"partialSuccess":{"rejectedSpans":"2","errorMessage":"too old"}}"#, 2),
            (#"{"partialSuccess":{"rejectedSpans":2}}"#, 2), (#"{"partialSuccess":{"rejectedSpans":"99"}}"#, 3),
            (#"{"partialSuccess":{"errorMessage":"slow down"}}"#, 0), (#"{"partialSuccess":{"rejectedSpans":-4}}"#, 0),
            ("{}", 0), ("", 0), ("[", 0),
        ])
    func partialSuccess(_ body: String, _ rejected: Int) async throws {
        let collector = ScriptedCollector(.reply(OTLPReply(status: 200, body: Data(body.utf8))))
        let exporter = try exporter(to: collector)
        for name in ["a", "b", "c"] { exporter.export(span(name)) }
        #expect(try await exporter.flushed() == (rejected == 0))
        #expect(exporter.droppedCount == rejected)
        #expect(exporter.exportedCount == 3 - rejected)
        #expect(collector.batches.count == 1)
    }

    @Test("A collector that stays away costs its batch, not the next one")
    func givesUp() async throws {
        let collector = ScriptedCollector(.unreachable, .unreachable, .unreachable)
        let exporter = try exporter(to: collector, .init(giveUpAfter: .seconds(2)))
        exporter.export(span("a"))
        async let isComplete = exporter.flushed(within: .seconds(60))
        for request in 1...3 {
            try await collector.waitForRequests(request)
            try await clock.waitForTimers(3)
            if request == 3 { exporter.export(span("b")) }
            clock.advance(by: .seconds(1))
        }
        #expect(try await !isComplete)
        #expect(exporter.droppedCount == 1)
        #expect(try await exporter.flushed())
        #expect(collector.batches == [["a"], ["a"], ["a"], ["b"]])
        #expect(reports.first?.reason.hasPrefix("the collector can't be reached") == true)
    }

    @Test("There is nothing to wait for when there is nothing to send")
    func emptyFlush() async throws {
        let collector = ScriptedCollector()
        #expect(try await exporter(to: collector).flushed())
        #expect(collector.batches.isEmpty)
    }
}
