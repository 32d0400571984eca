import Millrace
import MillraceMemory
import MillraceTesting

/// What happens in a simulation: everything about it follows from its seed.
struct Scenario {
    static let inputTopic = "in"
    static let outputTopic = "out"
    static let poisonTopic = "poison"

    /// How rough it gets.
    enum Weather: Int, CaseIterable { case calm, restarts, faults, storm }

    /// What surrounds the handlers.
    enum Care: CaseIterable { case poisonQueue, poisonQueueWithTimeout, failurePolicy, maximumAttempts }

    /// What is done to a member of the group, and when.
    struct Intervention {
        enum Kind { case shutdown, kill }
        let kind: Kind
        let member: Int
        let step: Int
    }

    let seed: UInt64
    let weather: Weather
    let care: Care
    let members: Int
    let concurrency: Int
    let ordered: Ordering
    let prefetch: Int
    let keys: Int
    let lease: Duration
    let attempts: Int
    let backoff: Backoff
    let inPlaceLimit: Duration
    let memory: MemoryOptions
    /// How many messages each publisher publishes, and how many at once.
    let publishers: [(count: Int, batch: Int)]
    let faults: FaultPlan
    let changesOrder: Bool
    let interventions: [Intervention]
    /// The probability that time passes although something is ready.
    let haste: Double

    init(seed: UInt64) {
        var draw = Draw(seed: seed)
        self.seed = seed
        weather = Weather.allCases[Int(seed % 4)]
        care = draw.one(of: Care.allCases)
        members = draw.number(1...2)
        concurrency = draw.number(1...4)
        ordered = draw.happens(0.6) ? .byKey : .byTransport
        prefetch = concurrency + draw.one(of: [0, 1, 4, 64])
        keys = draw.number(1...4)
        lease = .seconds(draw.number(1...4))
        attempts = draw.number(2...4)
        backoff =
            draw.happens(0.3)
            ? .constant(draw.happens(0.5) ? .zero : .milliseconds(20))
            : .exponential(from: .milliseconds(50), upTo: .seconds(1), jitter: draw.happens(0.5))
        inPlaceLimit = draw.happens(0.5) ? .milliseconds(100) : .zero
        memory = MemoryOptions(
            capacity: draw.one(of: [2, 4, 16, 1_024]),
            publishReturns: draw.happens(0.15) ? .whenAcknowledged : .whenStored)
        publishers = (0..<draw.number(1...3)).map { _ in (draw.number(1...10), draw.number(1...4)) }
        let isFaulty = weather == .faults || weather == .storm
        let (faults, changesOrder) = isFaulty ? Self.faults(&draw) : ([:], false)
        (self.faults, self.changesOrder) = (faults, changesOrder)
        let kinds: [Intervention.Kind] =
            switch weather {
            case .calm, .faults: []
            case .restarts: [.shutdown]
            case .storm: [.kill, .kill, .shutdown]
            }
        var interventions: [Intervention] = []
        if !kinds.isEmpty {
            for _ in 0..<draw.number(1...4) {
                let step = 1 << draw.number(3...9)
                interventions.append(
                    Intervention(
                        kind: draw.one(of: kinds), member: draw.number(0...members - 1), step: step + draw.number(0...step)))
            }
        }
        self.interventions = interventions.sorted { $0.step < $1.step }
        haste = draw.happens(0.2) ? 0.02 : 0
    }

    private static func faults(_ draw: inout Draw) -> (FaultPlan, changesOrder: Bool) {
        let all: [Fault] = [
            .failPublish, .losePublishReply, .refuseMessage, .delayPublish(.milliseconds(30)),
            .delayDelivery(.milliseconds(draw.one(of: [5, 700]))), .duplicateDelivery, .reorderDelivery, .dropAcknowledgement,
            .dropSettlement, .cutSubscription,
        ]
        var chosen: [(Fault, FaultTrigger)] = []
        for fault in all where draw.happens(0.35) {
            chosen.append((fault, draw.happens(0.3) ? .nth(draw.number(1...12)) : .probability(draw.one(of: [0.03, 0.1]))))
        }
        return (FaultPlan(chosen), chosen.contains { $0.0 == .reorderDelivery || $0.0 == .duplicateDelivery })
    }
}

extension Scenario: CustomStringConvertible {
    var description: String {
        "\(weather), \(care), \(members) members, concurrency \(concurrency), \(ordered), prefetch \(prefetch), \(keys) keys, "
            + "lease \(lease), attempts \(attempts), \(backoff), capacity \(memory.capacity), \(memory.publishReturns), "
            + "publishers \(publishers), \(interventions)"
    }
}

/// Draws the parts of a scenario.
struct Draw {
    private let random: RandomSource

    init(seed: UInt64) { random = RandomSource(seed: seed) }

    mutating func number(_ range: ClosedRange<Int>) -> Int {
        range.lowerBound + Int(random.next() % UInt64(range.count))
    }

    mutating func happens(_ probability: Double) -> Bool { random.unit() < probability }

    mutating func one<Element>(of elements: [Element]) -> Element { elements[number(0...elements.count - 1)] }
}
