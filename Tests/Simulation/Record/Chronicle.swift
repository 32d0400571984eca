import Millrace

/// What is known of a simulated world: every message, delivery and call. Invariants are checked at each occurrence.
final class Chronicle: @unchecked Sendable {
    // Safe to share: everything in a simulation runs on one thread.

    /// A message of a topic that a handler reads.
    struct Subject {
        let topic: String
        let key: String?
        /// The call that made it; nil for what publishers made.
        let parent: Int?
        var isStored = false
        var isAccepted = false
        var position: UInt64?
        /// How many deliveries have ended in a way that counts as an attempt.
        var attempts = 0
        /// By subscription and token, those of the broker that are out.
        var out: Set<DeliveryName> = []
        var isAcknowledged = false
        var isRejected = false
        var calls: [Int] = []
        /// What went wrong that can make it be handled once more.
        var excuses = 0
        /// How often it lies in the poison topic.
        var letters = 0

        var isDone: Bool { isAcknowledged || isRejected }
    }

    struct DeliveryName: Hashable {
        let subscription: Int
        let token: UInt64
    }

    struct Call {
        let message: Int
        let world: Int
        let attempt: Int
        let deliveryAttempt: Int
        var outcome: Occurrence.Outcome?
        var outputs: [Int] = []
    }

    struct Opened {
        let world: Int
        let topic: String
        var isCut = false
        var isClosed = false
    }

    let scenario: Scenario
    private(set) var subjects: [Int: Subject] = [:]
    private(set) var calls: [Call] = []
    private(set) var subscriptions: [Opened] = []
    /// The service's deliveries, with how often each was settled.
    private(set) var settlements: [DeliveryName: Int] = [:]
    /// The messages of the service's and the broker's deliveries.
    private(set) var messages: [DeliveryName: Int] = [:]
    /// Where each message of a topic lies.
    private var places: [String: [UInt64: Int]] = [:]
    /// The tokens of the settlements that have reached the broker.
    private(set) var arrivals: [UInt64] = []
    private(set) var dead: Set<Int> = []
    private var open: [Int] = []
    private var offers: [String: Int] = [:]
    /// How often the broker has handed out each message.
    private var deliveries: [Int: Int] = [:]
    private(set) var violation: String?
    private let invariants: [any Invariant]

    init(_ scenario: Scenario, _ invariants: [any Invariant]) {
        self.scenario = scenario
        self.invariants = invariants
    }

    // MARK: Write

    func record(_ occurrence: Occurrence) {
        Scheduler.shared.note(occurrence)
        apply(occurrence)
        for invariant in invariants where violation == nil {
            violation = invariant.check(occurrence, self).map { "\(invariant.name): \($0)" }
        }
    }

    func conclude() {
        for invariant in invariants where violation == nil {
            violation = invariant.conclude(self).map { "\(invariant.name): \($0)" }
        }
    }

    func fail(_ reason: String) { violation = violation ?? reason }

    func introduce(_ message: Int, topic: String, key: String?, parent: Int?) {
        subjects[message] = Subject(topic: topic, key: key, parent: parent)
        if let parent { calls[parent].outputs.append(message) }
    }

    func open(topic: String, world: Int) -> Int {
        subscriptions.append(Opened(world: world, topic: topic))
        record(.opened(subscription: subscriptions.count - 1, world: world, topic: topic))
        return subscriptions.count - 1
    }

    func begin(_ message: Int, world: Int, attempt: Int, deliveryAttempt: Int) -> Int {
        calls.append(Call(message: message, world: world, attempt: attempt, deliveryAttempt: deliveryAttempt))
        let call = calls.count - 1
        open.append(call)
        subjects[message]?.calls.append(call)
        record(.called(call, message: message, world: world, attempt: attempt, deliveryAttempt: deliveryAttempt))
        return call
    }

    private func apply(_ occurrence: Occurrence) {
        switch occurrence {
        case .stored(let message, let topic):
            if topic == Scenario.poisonTopic { subjects[message]?.letters += 1 } else { subjects[message]?.isStored = true }
        case .answered(let message, let topic, let isAccepted): answered(message, topic, isAccepted)
        case .delivered(let message, let side, let subscription, let token, _, let position):
            delivered(message, side, DeliveryName(subscription: subscription, token: token), position)
        case .settled(let side, let subscription, let token, let ending):
            settled(side, DeliveryName(subscription: subscription, token: token), ending)
        case .settlementLost(let message): subjects[message]?.excuses += 1
        case .leaseExpired(let topic, let position):
            guard let message = places[topic]?[position] else { return }
            subjects[message]?.attempts += 1
            subjects[message]?.excuses += 1
            subjects[message]?.out.removeAll()
        case .cut(let subscription):
            subscriptions[subscription].isCut = true
            excuse(outstandingOf: { $0 == subscription })
        case .closed(let subscription):
            subscriptions[subscription].isClosed = true
            for message in subjects.keys {
                let out = subjects[message]?.out ?? []
                subjects[message]?.out = out.filter { $0.subscription != subscription }
            }
        case .ended(let call, let outcome):
            calls[call].outcome = outcome
            open.removeAll { $0 == call }
        case .offered(let message, let topic): offers["\(topic) \(message)", default: 0] += 1
        case .killed(let world):
            dead.insert(world)
            excuse(outstandingOf: { self.subscriptions[$0].world == world })
        case .opened, .called, .started, .shutdown, .stopped: break
        }
    }

    private func answered(_ message: Int, _ topic: String, _ isAccepted: Bool) {
        if isAccepted {
            if topic != Scenario.poisonTopic { subjects[message]?.isAccepted = true }
        } else if topic == Scenario.poisonTopic {
            subjects[message]?.excuses += 1
        } else if let parent = subjects[message]?.parent {
            subjects[calls[parent].message]?.excuses += 1
        }
    }

    private func delivered(_ message: Int, _ side: Occurrence.Side, _ name: DeliveryName, _ position: UInt64) {
        messages[name] = message
        switch side {
        case .broker:
            deliveries[message, default: 0] += 1
            subjects[message]?.isStored = true
            subjects[message]?.position = position
            subjects[message]?.out.insert(name)
            places[subjects[message]?.topic ?? "", default: [:]][position] = message
        case .service:
            settlements[name] = 0
            // A copy, made on the way.
            if subjects[message]?.out.contains(name) != true { subjects[message]?.excuses += 1 }
        }
    }

    private func settled(_ side: Occurrence.Side, _ name: DeliveryName, _ ending: Occurrence.Ending) {
        guard side == .broker else {
            settlements[name, default: 0] += 1
            return
        }
        arrivals.append(name.token)
        guard let message = messages[name], subjects[message]?.out.remove(name) != nil else { return }
        switch ending {
        case .acknowledged: subjects[message]?.isAcknowledged = true
        case .rejected: subjects[message]?.isRejected = true
        case .retried: subjects[message]?.attempts += 1
        case .released: break
        }
    }

    private func excuse(outstandingOf isMeant: (Int) -> Bool) {
        for (message, subject) in subjects where subject.out.contains(where: { isMeant($0.subscription) }) {
            subjects[message]?.excuses += 1
        }
    }

    // MARK: Read

    /// Calls that have begun and not ended, in processes that live.
    var running: [(number: Int, call: Call)] {
        open.map { (number: $0, call: calls[$0]) }.filter { !dead.contains($0.call.world) }
    }

    func offers(of message: Int, to topic: String) -> Int { offers["\(topic) \(message)"] ?? 0 }

    func isFirstDelivery(of message: Int) -> Bool { deliveries[message] == 1 }

    /// The highest place of a topic that was handed out, not counting one message.
    func highestPosition(in topic: String, without message: Int) -> UInt64? {
        places[topic]?.filter { $0.value != message }.keys.max()
    }

    /// Messages that the broker has, or has accepted, and that are not done.
    var unfinished: [Int] {
        subjects.filter { ($0.value.isStored || $0.value.isAccepted) && !$0.value.isDone }.map(\.key).sorted()
    }
}
