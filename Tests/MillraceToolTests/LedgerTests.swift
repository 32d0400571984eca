import Millrace
import Testing

@testable import MillraceTool

@Suite struct LedgerTests {
    private let load = BenchLoad(count: 7, size: 20, tasks: 2, batch: 1, rate: 1, seconds: 1, hasKeys: false)

    private func ledger(_ numbers: [(task: Int, number: Int)]) -> Ledger {
        var ledger = Ledger(load)
        for (task, number) in numbers { ledger.take(BenchMessage(task: task, number: number)) }
        return ledger
    }

    private let all = [(0, 0), (1, 0), (0, 1), (1, 1), (0, 2), (0, 3), (1, 2)].map { (task: $0.0, number: $0.1) }

    @Test func isContentWhenAllArriveInTheOrderOfTheirTasks() {
        let ledger = ledger(all)
        #expect(ledger.isComplete)
        #expect(ledger.complaint(checksOrder: true) == nil)
    }

    @Test func seesWhatIsMissing() {
        let ledger = ledger(Array(all.dropLast(2)))
        #expect(!ledger.isComplete)
        #expect(ledger.complaint(checksOrder: true) == "2 lost")
    }

    @Test func seesWhatComesTwice() {
        #expect(ledger(all + [(1, 1)]).complaint(checksOrder: true) == "1 twice")
    }

    @Test func seesWhatOvertakes() {
        var numbers = all
        numbers.swapAt(0, 2)
        #expect(ledger(numbers).complaint(checksOrder: true) == "1 out of order")
        #expect(ledger(numbers).complaint(checksOrder: false) == nil)
    }

    @Test func seesWhatNobodyHasSent() {
        var ledger = ledger(all)
        ledger.take(BenchMessage(task: 2, number: 0))
        ledger.take(BenchMessage(task: 1, number: 3))
        ledger.take(BenchMessage(Message(text: "hello").payload))
        #expect(ledger.complaint(checksOrder: true) == "3 foreign")
    }

    @Test func aMessageSaysWhoSentIt() throws {
        let message = BenchMessage(task: 3, number: 70_000, sentAt: 12_345_678_901_234).message(load)
        #expect(message.payload.count == 20)
        let read = try #require(BenchMessage(message.payload))
        #expect((read.task, read.number, read.sentAt) == (3, 70_000, 12_345_678_901_234))
    }

    @Test func theMedianHasItsBounds() throws {
        let odd = try #require(BenchRow.Spread([3, 1, 2]))
        #expect((odd.lowest, odd.median, odd.highest) == (1, 2, 3))
        #expect(try #require(BenchRow.Spread([4, 1, 2, 3])).median == 2.5)
        #expect(BenchRow.Spread([]) == nil)
    }
}
