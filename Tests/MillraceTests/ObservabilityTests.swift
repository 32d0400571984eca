import MillraceTesting
import Testing

@testable import Millrace
import TestSupport

@Suite struct ObservabilityTests {
    private func lines(_ format: ConsoleLog.Format, _ level: EventLevel, _ body: (Observers) -> Void) -> [String] {
        let lines = Box<[String]>([])
        let log = ConsoleLog(level: level, format: format, clock: ManualClock()) { line in lines.update { $0.append(line) } }
        body(Observers([log]))
        return lines.value
    }

    @Test func textLines() {
        let lines = lines(.text, .warning) { observers in
            observers.report(.info, .routerDraining)
            observers.report(.warning, .messageRejected(handler: "h", id: "m", reason: "no \"use\"\nat all"))
        }
        #expect(
            lines == [#"2026-01-01T00:00:00.000Z warning message rejected handler=h id=m reason="no \"use\"\nat all""#])
    }

    @Test func jsonLines() {
        let lines = lines(.json, .trace) { observers in
            HandlerLogger(observers, handler: "h").info("hello", ["n": 1])
        }
        #expect(lines == [#"{"time":"2026-01-01T00:00:00.000Z","level":"info","message":"hello","handler":"h","n":1}"#])
    }

    @Test func nothingIsBuiltWhenNobodyListens() {
        func event() -> MillraceEvent.Kind {
            Issue.record("built")
            return .routerDraining
        }
        Observers([]).report(.error, event())
        Observers([ConsoleLog(level: .error) { _ in }]).report(.warning, event())
        HandlerLogger(Observers([])).error("\(Issue.record("evaluated"))")
    }

    @Test(arguments: [
        (0, "1970-01-01T00:00:00.000Z"), (951_782_400_000, "2000-02-29T00:00:00.000Z"),
        (-1, "1969-12-31T23:59:59.999Z"), (4_102_444_799_999, "2099-12-31T23:59:59.999Z"),
    ])
    func timestamps(milliseconds: Int64, text: String) {
        #expect(Timestamp.text(unixMilliseconds: milliseconds) == text)
    }

    @Test func jsonStringsAreEscaped() {
        #expect(JSONText.string("a\"b\\c\n\t\u{1}é") == #""a\"b\\c\n\t\u0001é""#)
    }

    @Test("A settlement that is ignored says why, in words of its own for each reason")
    func ignoredSettlementsSayWhy() {
        let reasons = MillraceEvent.IgnoredSettlement.allCases.map { reason in
            MillraceEvent(level: .warning, kind: .settlementIgnored(topic: "t", group: "g", count: 2, reason: reason)).fields
                .last?.1
        }
        #expect(reasons == ["settled before", "settled after the close", "settled after its lease"])
    }

    @Test func everyEventHasWords() {
        let events: [MillraceEvent.Kind] = [
            .routerStarted(handlers: 1), .routerDraining, .routerStopped, .handlerStarted(handler: "h", topic: "t", group: "h"),
            .handlerStopped(handler: "h"), .handlerPaused(handler: "h"), .handlerResumed(handler: "h"),
            .handlerRestarting(handler: "h", topic: "t", group: nil, after: .seconds(1), error: Flaky()),
            .handlerFailed(handler: "h", error: Flaky()),
            .handlerAbandoned(handler: "h", deliveries: 1), .messageHandled(handler: "h", id: "m", attempt: 1),
            .messageFailed(handler: "h", topic: "t", group: nil, id: "m", attempt: 1, retryAfter: .zero, error: Flaky()),
            .messageRetried(handler: "h", id: "m", attempt: 1, after: .zero, error: Flaky()),
            .messagePoisoned(handler: "h", id: "m", topic: "t", error: Flaky()),
            .publishFailed(handler: "h", topic: "t", error: Flaky()),
            .settlementIgnored(topic: "t", group: nil, count: 1, reason: .settledTwice),
            .leaseExpired(topic: "t", group: "g", position: Position(low: 1), attempt: 1),
            .messagesDropped(topic: "t", count: 1, reason: "r"), .spansDropped(count: 1, reason: "r"), .connected(transport: "t"),
            .disconnected(transport: "t", error: Flaky()), .contextClosed(handler: "h", id: "m", call: "c"),
        ]
        let messages = events.map { MillraceEvent(level: .info, kind: $0).message }
        #expect(Set(messages).count == events.count)
        #expect(messages.allSatisfy { !$0.isEmpty })
    }
}
