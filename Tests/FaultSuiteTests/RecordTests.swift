import Testing

@testable import faults

@Suite("Records") struct RecordTests {
    private let record = RecordID(run: 2, key: 7, sequence: 31)

    @Test("are read from what was written") func roundTrip() {
        let text = RecordText.text(of: record)
        #expect(RecordText.record(in: text, key: record.messageKey) == record)
    }

    @Test("are not read from what was changed on its way, or is of somebody else") func changed() {
        let text = RecordText.text(of: record)
        #expect(RecordText.record(in: text, key: "key-8") == nil)
        #expect(RecordText.record(in: text, key: nil) == nil)
        #expect(RecordText.record(in: String(text.dropLast()), key: record.messageKey) == nil)
        #expect(RecordText.record(in: text.replacing("2 7 31", with: "2 7 32"), key: record.messageKey) == nil)
        for foreign in [nil, "", "text", "1 2 3", "a b c d"] { #expect(RecordText.record(in: foreign, key: "key-7") == nil) }
    }

    @Test(
        "Lines of a log are read back",
        arguments: [
            LogEntry.attempted(RecordID(run: 1, key: 2, sequence: 3)), .accepted(RecordID(run: 1, key: 2, sequence: 3), at: 4),
            .failed(RecordID(run: 1, key: 2, sequence: 3), at: 4),
            .handled(RecordID(run: 1, key: 2, sequence: 3), attempt: 4, start: 5, end: 6), .foreign(bytes: 0, at: 7),
            .ready(at: 8),
            .ended(at: 9),
        ])
    func lines(_ entry: LogEntry) { #expect(LogEntry(line: Substring(entry.line)) == entry) }

    @Test("Jobs are read back from their command lines") func jobs() throws {
        let role = WorkerJob.Role.produce(run: 2, messages: 30, rate: 40)
        let job = WorkerJob(role: role, topic: "t", seed: 5, log: "/l")
        let parsed = try #require(try WorkerJob.parse(job.words(url: "redis://h?a=b")))
        #expect(parsed.url == "redis://h?a=b")
        #expect("\(parsed.job)" == "\(job)")
        #expect(throws: (any Error).self) { try WorkerJob.parse(["produce", "--url", "u"]) }
        #expect(throws: (any Error).self) { try WorkerJob.parse(job.words(url: "u") + ["--extra", "1"]) }
        #expect(try WorkerJob.parse(["--short"]) == nil)
    }

    @Test("A cell draws the same for the same seed, and other cells draw something else") func seeds() {
        func seed(_ seed: Int, _ fault: FaultKind) -> UInt64 {
            CellPlan(transport: .redis, fault: fault, messages: 1, rate: 1, seed: seed, isShort: false).seedOfCell
        }
        #expect(seed(1, .cut) == seed(1, .cut))
        #expect(Set([seed(1, .cut), seed(2, .cut), seed(1, .latency)]).count == 3)
    }
}
