import Millrace
import Testing

@testable import faults

/// The oracle is what the whole fault suite rests on: it has to see what is wrong in logs that are made up for it.
@Suite("The oracle") struct OracleTests {
    private static let second: Int64 = 1_000_000

    /// Logs of a cell in which all goes well: six messages of two keys, handled by both groups, one each second.
    private struct Logs {
        var producer: [LogEntry] = []
        var main1: [LogEntry] = []
        var main2: [LogEntry] = []
        var audit: [LogEntry] = []

        init() {
            for number in 0..<6 {
                let record = Self.record(number)
                let time = Int64(number) * second
                producer += [.attempted(record), .accepted(record, at: time)]
                let handled = LogEntry.handled(record, attempt: 1, start: time + 1_000, end: time + 2_000)
                if number % 2 == 0 { main1.append(handled) } else { main2.append(handled) }
                audit.append(handled)
            }
        }

        static func record(_ number: Int) -> RecordID { RecordID(run: 1, key: number % 2, sequence: number / 2 + 1) }

        var history: History {
            var history = History()
            for (entries, group, member) in [
                (producer, "", "producer.1"), (main1, "main", "main-1.1"), (main2, "main", "main-2.1"),
                (audit, "audit", "audit-1.1"),
            ] {
                for entry in entries { history.add(Substring(entry.line), group: group, member: member) }
            }
            return history
        }
    }

    private func handled(_ number: Int, attempt: Int = 1, at time: Double, taking duration: Double = 0.001) -> LogEntry {
        let start = Int64(time * Double(Self.second))
        let end = start + Int64(duration * Double(Self.second))
        return .handled(Logs.record(number), attempt: attempt, start: start, end: end)
    }

    private func window(
        _ victims: FaultWindow.Victims, at start: Double, until end: Double? = nil,
        explains: Set<FaultWindow.Effect> = [.duplicates, .disorder], heldUp: Int64 = 0
    ) -> FaultWindow {
        FaultWindow(
            name: "fault", victims: victims, start: Int64(start * Double(Self.second)),
            end: Int64((end ?? start) * Double(Self.second)), aftermath: 2 * Self.second, explains: explains,
            heldUp: heldUp)
    }

    private func judge(
        _ logs: Logs, scope: Oracle.OrderScope = .group, windows: [FaultWindow] = [], foreign: Int = 0,
        recoveryLimit: Duration = .seconds(60)
    ) -> Verdict {
        Oracle(scope: scope, groups: ["main", "audit"], windows: windows, foreign: foreign, recoveryLimit: recoveryLimit)
            .judge(logs.history)
    }

    @Test("has nothing to say when all is well") func content() {
        let verdict = judge(Logs())
        #expect(verdict.hasPassed)
        #expect(verdict.accepted == 6 && verdict.unknown == 0 && verdict.phantoms == 0)
        #expect(verdict.groups["main"]?.handled == 6 && verdict.groups["audit"]?.handled == 6)
        #expect(verdict.recoveryMilliseconds == nil)
    }

    @Test("sees a message that one group has not got, whatever has happened") func lost() {
        var logs = Logs()
        logs.audit.remove(at: 3)
        for windows in [[], [window(.everyone, at: 0, until: 9)]] {
            let verdict = judge(logs, windows: windows)
            #expect(verdict.groups["audit"]?.lost == 1 && verdict.groups["main"]?.lost == 0)
            #expect(verdict.complaints == ["audit: accepted messages were lost (1): 1/1/2"])
        }
    }

    @Test("does not miss what was on its way when the producer was killed") func unknown() {
        var logs = Logs()
        logs.producer.append(.attempted(Logs.record(6)))
        let verdict = judge(logs)
        #expect(verdict.hasPassed && verdict.unknown == 1)
    }

    @Test("sees messages that nobody has published, and logs that can't be read") func phantom() {
        var logs = Logs()
        logs.main1.append(handled(7, at: 8))
        #expect(judge(logs).phantoms == 1)
        #expect(judge(logs).complaints == ["messages that nobody has published were handled (1): 1/1/4"])
        var history = Logs().history
        history.add("h 1 2", group: "main", member: "main-1.1")
        let verdict = Oracle(scope: .group, groups: ["main", "audit"], windows: []).judge(history)
        #expect(verdict.complaints == ["lines of logs can't be read (1): main-1.1: h 1 2"])
    }

    @Test("sees a message that is handled again without a fault") func duplicate() {
        var logs = Logs()
        logs.main2.append(handled(2, attempt: 2, at: 7))
        let verdict = judge(logs)
        #expect(verdict.groups["main"]?.unexplainedDuplicates == 1)
        #expect(verdict.complaints.count == 1)
        #expect(verdict.complaints.first?.contains("1/0/2 by main-2.1, attempt 2") == true)
    }

    @Test("takes a kill for the reason only when it was that member, and shortly after it was done") func explained() {
        var logs = Logs()
        // Message 2 is handled by main-1.1 at 2 seconds.
        logs.main2.append(handled(2, attempt: 2, at: 4))
        let explained = judge(logs, windows: [window(.member("main-1.1"), at: 2.5)])
        #expect(explained.hasPassed && explained.groups["main"]?.explainedDuplicates == 1)
        #expect(!judge(logs, windows: [window(.member("main-2.1"), at: 2.5)]).hasPassed)
        #expect(!judge(logs, windows: [window(.member("main-1.1"), at: 3.5)]).hasPassed)
        #expect(judge(logs, windows: [window(.member("main-1.1"), at: 3.5, heldUp: Self.second)]).hasPassed)
        #expect(!judge(logs, windows: [window(.member("main-1.1"), at: 2.5, explains: [.disorder])]).hasPassed)
    }

    @Test("takes it from a member that stood still, but from no other") func stale() {
        var logs = Logs()
        logs.main2.append(handled(0, at: 4.5))
        let effects: Set<FaultWindow.Effect> = [.duplicates, .staleWork]
        #expect(judge(logs, windows: [window(.member("main-2.1"), at: 2, until: 4, explains: effects)]).hasPassed)
        #expect(!judge(logs, windows: [window(.member("main-2.1"), at: 2, until: 4)]).hasPassed)
        #expect(!judge(logs, windows: [window(.member("audit-1.1"), at: 2, until: 4, explains: effects)]).hasPassed)
    }

    @Test("takes what was published again for a reason") func republished() {
        var logs = Logs()
        logs.producer.append(.failed(Logs.record(2), at: 2_000))
        logs.audit.append(handled(2, at: 8))
        #expect(judge(logs).hasPassed)
        logs.audit.append(handled(3, at: 9))
        #expect(judge(logs).groups["audit"]?.unexplainedDuplicates == 1)
    }

    @Test("sees messages of a key that change places") func order() {
        var logs = Logs()
        logs.audit[2] = handled(2, at: 4.5)
        logs.audit[4] = handled(4, at: 2.001)
        for scope in [Oracle.OrderScope.group, .member] {
            let verdict = judge(logs, scope: scope)
            #expect(verdict.groups["audit"]?.unexplainedInversions == 1 && verdict.groups["main"]?.unexplainedInversions == 0)
        }
        // A lost connection is an excuse where the order is each member's own.
        let windows = [window(.everyone, at: 1, until: 3)]
        #expect(judge(logs, scope: .member, windows: windows).hasPassed)
        #expect(!judge(logs, scope: .group, windows: windows).hasPassed)
        #expect(!judge(logs, scope: .member, windows: [window(.everyone, at: 1, until: 3, explains: [])]).hasPassed)
    }

    @Test("holds members together where the transport keeps their order") func orderOfMembers() {
        var logs = Logs()
        // Key 0 is with main-1, but for its last message, which main-2 has too early.
        logs.main1.removeAll { $0 == handled(4, at: 4.001) }
        logs.main2.append(handled(4, at: 1.5))
        #expect(judge(logs, scope: .member).hasPassed)
        #expect(judge(logs, scope: .group).groups["main"]?.unexplainedInversions == 1)
    }

    @Test("sees two messages of a key that are in work at once") func overlap() {
        var logs = Logs()
        logs.audit[2] = handled(2, at: 2.001, taking: 2.5)
        let verdict = judge(logs)
        #expect(verdict.groups["audit"]?.overlaps == 1)
        #expect(verdict.complaints.count == 1)
    }

    @Test("misses foreign messages that a group was not given") func foreign() {
        var logs = Logs()
        logs.main1.append(.foreign(bytes: 3, at: 7))
        logs.audit.append(.foreign(bytes: 3, at: 7))
        #expect(judge(logs, foreign: 1).hasPassed)
        #expect(judge(logs, foreign: 2).complaints.count == 2)
    }

    @Test("measures until all is handled that waited for the end of a fault, and may find it too long") func recovery() {
        var logs = Logs()
        logs.audit[3] = handled(3, at: 4.9)
        let windows = [window(.everyone, at: 2, until: 3.5)]
        // Until 4.901: message 3 of audit was accepted at 3 seconds.
        #expect(judge(logs, windows: windows).recoveryMilliseconds == 1_401)
        #expect(judge(logs, windows: windows).hasPassed)
        let verdict = judge(logs, windows: windows, recoveryLimit: .seconds(1))
        #expect(verdict.complaints == ["recovery took 1401 ms, and may take 1000"])
    }

    @Test("is not content when nothing was accepted") func nothing() {
        #expect(!Oracle(scope: .group, groups: ["main"], windows: []).judge(History()).hasPassed)
    }
}
