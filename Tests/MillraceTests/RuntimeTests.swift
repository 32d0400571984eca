import MillraceTesting
import Testing

@testable import Millrace
import TestSupport

@Suite(.timeLimit(.minutes(1))) struct RuntimeTests {
    @Test func timersComeInOrder() {
        var heap = TimerHeap()
        let log = Box<[Int]>([])
        let times = (0..<200).map { ($0 * 7_919) % 200 }
        for time in times { _ = heap.insert(at: ClockInstant(nanoseconds: Int64(time))) { log.update { $0.append(time) } } }
        while let action = heap.popDue(at: ClockInstant(nanoseconds: 1_000)) { action() }
        #expect(log.value == times.sorted())
    }

    @Test func cancelledTimersAreForgotten() {
        var heap = TimerHeap()
        let ids = (0..<1_000).map { heap.insert(at: ClockInstant(nanoseconds: Int64($0))) {}.id }
        for id in ids where id % 10 != 0 { heap.remove(id) }
        #expect(heap.count == 100)
        var popped = 0
        while heap.popDue(at: ClockInstant(nanoseconds: 5_000)) != nil { popped += 1 }
        #expect(popped == 100)
        let earliest = heap.earliest
        #expect(earliest == nil)
    }

    @Test func systemTimersFireAndCanBeCancelled() async throws {
        let fired = Signal()
        let wrong = Box(false)
        let timer = SystemClock.shared.schedule(after: .milliseconds(5)) { wrong.update { $0 = true } }
        timer.cancel()
        SystemClock.shared.schedule(after: .milliseconds(10)) { fired.fire() }
        SystemClock.shared.schedule(after: .seconds(1_000_000_000)) {}.cancel()
        try await fired.wait()
        #expect(!wrong.value)
    }

    @Test func sleepEndsWithItsTask() async {
        let task = Task { try await SystemClock.shared.sleep(for: .seconds(3_600)) }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
    }

    @Test func aSignalLetsEveryoneGoOnce() async throws {
        let signal = Signal()
        let tasks = (0..<10).map { _ in Task { try await signal.wait() } }
        let cancelled = Task { try await signal.wait() }
        cancelled.cancel()
        await #expect(throws: CancellationError.self) { try await cancelled.value }
        signal.fire()
        signal.fire()
        for task in tasks { try await task.value }
        try await signal.wait()
        await signal.waitUncancellably()
    }

    @Test func manualTimeRunsWhatItPasses() {
        let clock = ManualClock()
        let log = Box<[Int64]>([])
        @Sendable func tick() {
            log.update { $0.append(clock.now.nanoseconds / 1_000_000_000) }
            clock.schedule(after: .seconds(1), tick)
        }
        clock.schedule(after: .seconds(1), tick)
        clock.advance(by: .seconds(3))
        #expect(log.value == [1, 2, 3])
        #expect(clock.timerCount == 1)
    }

    @Test func randomSourcesRepeatThemselves() {
        let left = RandomSource(seed: 9)
        let right = RandomSource(seed: 9)
        #expect((0..<10).map { _ in left.next() } == (0..<10).map { _ in right.next() })
        #expect((0..<1_000).allSatisfy { _ in (0..<1).contains(left.unit()) })
    }

    @Test func instantsDoNotOverflow() {
        let now = ClockInstant(nanoseconds: 5)
        #expect(now.advanced(by: .seconds(Int64.max)).nanoseconds == .max)
        #expect(now.advanced(by: .seconds(-5)).nanoseconds == 5 - 5_000_000_000)
        #expect(now.duration(to: ClockInstant(nanoseconds: 8)) == .nanoseconds(3))
    }

    @Test func aDeadlineEndsAPublishThatWaits() async throws {
        struct Stuck: Publisher {
            func publish(_ messages: [Message], to topic: String) async throws { try await Signal().wait() }
        }
        let error = await #expect(throws: MillraceError.self) {
            try await Stuck().publish([Message(text: "x")], to: "t", timeout: .milliseconds(5))
        }
        #expect(error?.code == .deadlineExceeded)
    }
}
