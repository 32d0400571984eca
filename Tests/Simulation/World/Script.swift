import Millrace
import MillraceTesting

/// How the handling of a message goes.
struct Script {
    enum Failure { case plain, final, later(Duration) }

    struct Failed: Error {}

    /// How many calls fail before one succeeds; `Int.max` for all of them.
    let failures: Int
    let failure: Failure
    /// How many points there are at which anything else may happen, before and after the work.
    let pauses: Int
    let work: Duration
    /// Whether the first call takes so long that only a `Timeout` ends it.
    let hangs: Bool
    let outputs: Int

    init(_ draw: inout Draw, _ scenario: Scenario) {
        let kind = draw.number(0...9)
        failures =
            switch kind {
            case 0...5: 0
            case 6, 7: draw.number(1...scenario.attempts - 1)
            default: .max
            }
        failure =
            switch draw.number(0...5) {
            case 0: .final
            // A message that asks for it for ever would never be given up.
            case 1 where failures < .max: .later(.milliseconds(draw.one(of: [0, 30, 400])))
            default: .plain
            }
        pauses = draw.number(0...2)
        work = draw.happens(0.3) ? .milliseconds(draw.one(of: [1, 10, 150, 2_500])) : .zero
        hangs = scenario.care == .poisonQueueWithTimeout && draw.happens(0.1)
        outputs = draw.one(of: [1, 1, 1, 0, 2])
    }

    /// Whether it must end in the poison topic, or among the dead letters.
    var isHopeless: Bool { failures == .max || isFinal && failures > 0 }

    private var isFinal: Bool { if case .final = failure { true } else { false } }

    /// The `number`-th call, from 1.
    func perform(_ number: Int, _ clock: any SchedulingClock) async throws {
        for _ in 0..<pauses { await Scheduler.shared.pause() }
        if hangs, number == 1 { try await clock.sleep(for: .seconds(3_600)) }
        if work > .zero { try await clock.sleep(for: work) }
        for _ in 0..<pauses { await Scheduler.shared.pause() }
        guard number <= failures else { return }
        switch failure {
        case .plain: throw Failed()
        case .final: throw Reject("final")
        case .later(let delay): throw RetryLater(after: delay)
        }
    }
}
