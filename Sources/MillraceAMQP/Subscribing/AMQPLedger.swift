import Millrace
import MillraceTransportKit

/// What a subscription owes the broker: which deliveries of the channel are settled, and what has become of those of channels that
/// are gone.
///
/// Deliveries are numbered on each channel from 1. Many are acknowledged at once by the highest number up to which all are settled;
/// those above one that takes long are acknowledged by themselves. When a channel is lost, the broker hands out again what was
/// unsettled on it: what is still being worked on here is then taken over, not handed out twice, and what was done here is
/// acknowledged again.
final class AMQPLedger: Sendable {

    /// What to do with a message that has come.
    enum Arrival: Equatable {
        /// Hand it out.
        case new(Position)
        /// It is in somebody's hands already.
        case known
        /// It was settled before the channel was lost, and is acknowledged.
        case done
    }

    fileprivate struct Slot {
        enum State { case open, done, sent }
        var state = State.open
        /// By what the buffer knows it: of an earlier channel, if it was taken over.
        var position: Position
        let key: AMQPDeliveryKey
    }

    fileprivate struct State {
        var generation: UInt64 = 1
        var slots: ContiguousArray<Slot> = []
        /// The number of the first slot.
        var first: UInt64 = 1
        /// How many slots from the first are settled and acknowledged.
        var settled = 0
        /// How many are settled and not acknowledged.
        var doneCount = 0
        /// Slots up to here were there when acknowledgements were sent last: those of them that are done have waited.
        var seen: UInt64 = 0
        /// Deliveries of earlier channels that have come again, with their numbers.
        var adopted: [Position: UInt64] = [:]
        /// Deliveries of earlier channels that are in somebody's hands and have not come again.
        var orphans: [AMQPDeliveryKey: [Position]] = [:]
        /// What was settled and may come again, and in which order, so that the oldest are forgotten first.
        var finished: [AMQPDeliveryKey: Int] = [:]
        var finishedOrder: [AMQPDeliveryKey] = []
        var keyOfOrphan: [Position: AMQPDeliveryKey] = [:]
        /// Attempts that this process has counted by itself.
        var attempts: [AMQPDeliveryKey: Int] = [:]
        var isTimerSet = false
    }

    /// How many settled deliveries are remembered, in case they come again.
    private let memory: Int
    /// From how many on acknowledgements are worth being sent at once.
    private let worth: Int
    private let state = Lock(State())

    init(prefetch: Int) {
        memory = min(65_536, max(64, 2 * prefetch))
        worth = max(1, prefetch / 4)
    }

    // MARK: In

    /// A message has come on the channel. Numbers rise by one.
    func arrive(_ tag: UInt64, _ key: AMQPDeliveryKey, isRedelivered: Bool) -> Arrival {
        state.withLock { state in
            let position = Position(high: state.generation, low: tag)
            var slot = Slot(position: position, key: key)
            var arrival = Arrival.new(position)
            if isRedelivered {
                if let known = state.takeOrphan(key) {
                    slot.position = known
                    state.adopted[known] = tag
                    arrival = .known
                } else if state.takeFinished(key) {
                    slot.state = .done
                    state.doneCount += 1
                    arrival = .done
                }
            }
            state.slots.append(slot)
            return arrival
        }
    }

    /// How often a message was handed out, by this process's own count, if it has one.
    func attempt(of key: AMQPDeliveryKey) -> Int? {
        state.withLock { $0.attempts.isEmpty ? nil : $0.attempts.removeValue(forKey: key) }
    }

    /// Deliveries are settled. Returns whether acknowledgements have to be sent now, or soon.
    func finish(_ positions: [Position]) -> (now: Bool, soon: Bool) {
        state.withLock { state in
            for position in positions { state.finish(position, memory: memory) }
            if state.doneCount >= worth { return (true, false) }
            guard state.doneCount > 0, !state.isTimerSet else { return (false, false) }
            state.isTimerSet = true
            return (false, true)
        }
    }

    /// Settles a delivery by other means than an acknowledgement, and returns its number on the channel. Nil for one that has not come
    /// again since the channel was lost: it will come as if it were new.
    func takeOut(_ position: Position) -> UInt64? {
        state.withLock { state in
            guard let tag = state.takeTag(position) else {
                state.removeOrphan(position)
                return nil
            }
            guard let index = state.index(tag), state.slots[index].state == .open else { return nil }
            state.slots[index].state = .sent
            return tag
        }
    }

    // MARK: Out

    /// What to acknowledge: all up to a number, and single ones.
    ///
    /// Single ones are left for the next time, if they have not waited yet and are few: by then they may belong to those that go
    /// together.
    func takeAcknowledgements(all: Bool, isTimer: Bool = false) -> (upTo: UInt64?, single: [UInt64]) {
        state.withLock { state in
            if isTimer { state.isTimerSet = false }
            var upTo: UInt64?
            while state.settled < state.slots.count, state.slots[state.settled].state != .open {
                if state.slots[state.settled].state == .done {
                    state.slots[state.settled].state = .sent
                    state.doneCount -= 1
                    upTo = state.first + UInt64(state.settled)
                }
                state.settled += 1
            }
            var single: [UInt64] = []
            if state.doneCount > 0 {
                let limit = all || state.doneCount >= worth ? UInt64.max : state.seen
                for index in state.settled..<state.slots.count where state.slots[index].state == .done {
                    let tag = state.first + UInt64(index)
                    guard tag <= limit else { break }
                    state.slots[index].state = .sent
                    state.doneCount -= 1
                    single.append(tag)
                }
            }
            if isTimer { state.seen = state.first + UInt64(state.slots.count) - 1 }
            state.forgetSettled(beyond: memory)
            return (upTo, single)
        }
    }

    /// Whether there is something to acknowledge, so that it has to be looked at again. Notes that it will be.
    func mustSendSoon() -> Bool {
        state.withLock { state in
            guard state.doneCount > 0, !state.isTimerSet else { return false }
            state.isTimerSet = true
            return true
        }
    }

    // MARK: The loss of a channel

    /// The channel is gone. `withdrawn` was taken out of the buffer, and will come again as if it were new.
    func lose(withdrawn: [DeliveryBuffer.Entry]) {
        state.withLock { state in
            let returned = Dictionary(withdrawn.map { ($0.position, $0.attempt) }, uniquingKeysWith: { first, _ in first })
            // Those that had not come again by now may have gone elsewhere; but they may come yet.
            var orphans: [(Position, AMQPDeliveryKey)] = state.keyOfOrphan.map { ($0.key, $0.value) }
            orphans.removeAll { returned[$0.0] != nil }
            var copies: [AMQPDeliveryKey: Int] = [:]
            for slot in state.slots { copies[slot.key, default: 0] += 1 }
            for (_, key) in orphans { copies[key, default: 0] += 1 }
            var finished = state.finishedOrder.filter { state.finished[$0] != nil && copies[$0] == nil }
            for slot in state.slots {
                if slot.state != .open {
                    // It was acknowledged; whether the broker has heard of it nobody knows. If it has, another message of that key
                    // must not be taken for it.
                    if slot.key.isUnique, copies[slot.key] == 1 { finished.append(slot.key) }
                } else if let attempt = returned[slot.position] {
                    if attempt > slot.key.attempt { state.attempts[slot.key] = attempt }
                } else {
                    orphans.append((slot.position, slot.key))
                }
            }
            let (generation, isTimerSet) = (state.generation + 1, state.isTimerSet)
            let attempts = state.attempts.count > memory ? [:] : state.attempts
            state = State(generation: generation, attempts: attempts, isTimerSet: isTimerSet)
            for (position, key) in orphans.sorted(by: { $0.0 < $1.0 }) {
                state.orphans[key, default: []].append(position)
                state.keyOfOrphan[position] = key
            }
            for key in finished.suffix(memory) { state.remember(key, memory: memory) }
        }
    }
}

extension AMQPLedger.State {
    /// The earliest delivery in somebody's hands of a message that has come again.
    fileprivate mutating func takeOrphan(_ key: AMQPDeliveryKey) -> Position? {
        guard !orphans.isEmpty, var positions = orphans[key], !positions.isEmpty else { return nil }
        let position = positions.removeFirst()
        orphans[key] = positions.isEmpty ? nil : positions
        keyOfOrphan[position] = nil
        return position
    }

    fileprivate mutating func takeFinished(_ key: AMQPDeliveryKey) -> Bool {
        guard !finished.isEmpty, let count = finished[key] else { return false }
        finished[key] = count > 1 ? count - 1 : nil
        return true
    }

    fileprivate mutating func remember(_ key: AMQPDeliveryKey, memory: Int) {
        finished[key, default: 0] += 1
        finishedOrder.append(key)
        guard finishedOrder.count > 2 * memory else { return }
        for key in finishedOrder.prefix(memory) { _ = takeFinished(key) }
        finishedOrder.removeFirst(memory)
    }

    /// The number on the channel of a delivery; nil for one of an earlier channel that has not come again.
    fileprivate mutating func takeTag(_ position: Position) -> UInt64? {
        position.high == generation ? position.low : adopted.removeValue(forKey: position)
    }

    fileprivate func index(_ tag: UInt64) -> Int? {
        tag >= first && tag - first < UInt64(slots.count) ? Int(tag - first) : nil
    }

    @discardableResult
    fileprivate mutating func removeOrphan(_ position: Position) -> AMQPDeliveryKey? {
        guard let key = keyOfOrphan.removeValue(forKey: position) else { return nil }
        orphans[key]?.removeAll { $0 == position }
        if orphans[key]?.isEmpty == true { orphans[key] = nil }
        return key
    }

    fileprivate mutating func finish(_ position: Position, memory: Int) {
        guard let tag = takeTag(position) else {
            // It has not come again yet. When it does, it is acknowledged.
            if let key = removeOrphan(position) { remember(key, memory: memory) }
            return
        }
        guard let index = index(tag), slots[index].state == .open else { return }
        slots[index].state = .done
        doneCount += 1
    }

    /// Keeps some of the settled ones, in case they come again.
    fileprivate mutating func forgetSettled(beyond memory: Int) {
        guard settled > 2 * memory else { return }
        let count = settled - memory
        slots.removeFirst(count)
        first += UInt64(count)
        settled -= count
    }
}
