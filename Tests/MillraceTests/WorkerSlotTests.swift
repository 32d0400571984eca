@testable import Millrace
import TestSupport
import MillraceTesting
import Testing

/// What others do to a worker reaches the task that it runs in, whichever comes first.
@Suite struct WorkerSlotTests {
    private let clock = ManualClock()

    @Test func aDeadlineThatFiresBeforeItsTaskIsKnownCancelsIt() {
        let slot = WorkerSlot()
        let cancelled = Box(0)
        let turn = slot.renew()
        slot.arm(after: 10, from: clock.now)
        clock.advance(by: .nanoseconds(20))
        slot.checkDeadline(at: clock.now)
        #expect(cancelled.value == 0)
        slot.adopt(turn) { cancelled.update { $0 += 1 } }
        #expect(cancelled.value == 1)
        #expect(slot.isSpent)
    }

    @Test func aTaskThatIsLateDoesNotDisarmTheDeadlineOrStandForTheNextOne() {
        let slot = WorkerSlot()
        let cancelled = Box<[Int]>([])
        let (first, second) = (slot.renew(), slot.renew())
        slot.arm(after: 10, from: clock.now)
        slot.adopt(second) { cancelled.update { $0.append(2) } }
        slot.adopt(first) { cancelled.update { $0.append(1) } }
        clock.advance(by: .nanoseconds(20))
        slot.checkDeadline(at: clock.now)
        #expect(cancelled.value == [2])
    }

    @Test func whatIsCutOffCancelsTasksThatBeginLater() {
        let slot = WorkerSlot()
        let cancelled = Box(0)
        slot.cutOff()
        slot.adopt(slot.renew()) { cancelled.update { $0 += 1 } }
        #expect(cancelled.value == 1)
    }
}
