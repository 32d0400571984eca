import Millrace
import MillraceTransportKit

/// One life of the subscription that the consumers of a ``FanOut`` share: from the first consumer that subscribes until the last one
/// has closed.
///
/// A task of its own, the pump, opens the subscription when all consumers are there, hands what comes to the branches, and closes the
/// subscription in the end. It is awaited by the last consumer that closes.
final class FanOutSession: Sendable {
    private struct Member {
        weak var member: FanOutMember?
        var isFetching = true
    }

    private struct State {
        var members: [UInt64: Member] = [:]
        var nextID: UInt64 = 0
        /// For each consumer its branch, once it has subscribed.
        var branches: [FanOutBranch?]
        var pump: Task<Void, Never>?
        /// Opens the shared subscription for the pump, which awaits it. The pump itself is never cancelled: it has to close in order.
        var opening: Task<any Subscription, any Error>?
        var upstream: (any Subscription)?
        var lost: (any Error)?
        /// Nothing is to be fetched any more, and nobody can join.
        var isEnding = false
    }

    private struct Books {
        var ledger: FanOutLedger
        /// Fires when there is room for the pump.
        var room: Signal?
        var isEnding = false
    }

    let plan: FanOutPlan
    private let state: Lock<State>
    private let books: Lock<Books>
    private let opened = Signal()
    private let deserted = Signal()

    init(_ plan: FanOutPlan) {
        self.plan = plan
        state = Lock(State(branches: Array(repeating: nil, count: plan.consumers.count)))
        books = Lock(Books(ledger: FanOutLedger(consumers: plan.consumers.count)))
    }

    // MARK: Members

    /// Adds a subscription of a consumer; nil when this session is over. Begins to fetch when all consumers are there.
    func join(_ consumer: Int, _ options: SubscriptionOptions) throws -> FanOutMember? {
        try state.withLock { state in
            guard !state.isEnding, state.lost == nil else { return nil }
            let branch = state.branches[consumer] ?? FanOutBranch(consumer, options, plan)
            try branch.check(options, of: plan.subject)
            state.branches[consumer] = branch
            state.nextID += 1
            let member = FanOutMember(id: state.nextID, branch, of: self, options)
            state.members[state.nextID] = Member(member: member)
            let branches = state.branches.compactMap { $0 }
            if state.pump == nil, branches.count == plan.consumers.count {
                state.pump = Task { [self] in await run(branches) }
            }
            return member
        }
    }

    /// Waits until the shared subscription is open, if all consumers are there. Throws what kept it from opening.
    func waitUntilOpen() async throws {
        guard state.withLock({ $0.pump != nil }) else { return }
        try await opened.wait()
        try checkFound()
    }

    /// Throws when the shared subscription is lost.
    func checkFound() throws { if let lost = state.withLock({ $0.lost }) { throw lost } }

    /// A member fetches nothing any more. When none does, nothing is fetched for them.
    func stopFetching(_ id: UInt64) {
        endIfNeeded { state in state.members[id]?.isFetching = false }
    }

    /// A member is gone. Does not wait.
    func abandon(_ id: UInt64) {
        endIfNeeded { state in state.members[id] = nil }
        let (isLast, pump, branches) = state.withLock { ($0.members.isEmpty, $0.pump, $0.branches) }
        guard isLast else { return }
        deserted.fire()
        if pump == nil { for branch in branches { _ = branch?.buffer.close() } }
    }

    /// A member is gone. The last one waits until what is unsettled has been given back.
    func leave(_ id: UInt64) async {
        abandon(id)
        let pump = state.withLock { $0.members.isEmpty ? $0.pump : nil }
        await pump?.value
    }

    private func endIfNeeded(_ change: (inout State) -> Void) {
        let ended = state.withLock { state -> State? in
            change(&state)
            guard !state.isEnding, !state.members.values.contains(where: \.isFetching) else { return nil }
            state.isEnding = true
            return state
        }
        guard let ended else { return }
        let room = books.withLock { books in
            books.isEnding = true
            return books.room
        }
        room?.fire()
        // Without a subscription yet the pump waits for a broker, which may take forever.
        if let upstream = ended.upstream { upstream.stopFetching() } else { ended.opening?.cancel() }
    }

    // MARK: Pump

    private func run(_ branches: [FanOutBranch]) async {
        var renewal: Repetition?
        var open: (any Subscription)?
        do {
            let ordered = branches.contains { $0.ordered == .byKey } ? Ordering.byKey : .byTransport
            let upstream = try await subscribe(plan.subscription(ordered: ordered))
            open = upstream
            let isEnding = state.withLock { state in
                state.upstream = upstream
                return state.isEnding
            }
            opened.fire()
            renewal = Repetition(every: plan.lease / 3, of: plan.clock) { [weak self] in self?.renew() }
            if isEnding { upstream.stopFetching() } else { try await pump(from: upstream, to: branches) }
            throw MillraceError(.closed, "\(plan.subject): its subscription ended", isRetriable: true)
        } catch {
            lose(error, branches)
        }
        opened.fire()
        await deserted.waitUncancellably()
        renewal?.cancel()
        await open?.close()
        for branch in branches { _ = branch.buffer.close() }
    }

    private func subscribe(_ options: SubscriptionOptions) async throws -> any Subscription {
        let opening = Task { [plan] in try await plan.subscriber.subscribe(to: plan.topic, options) }
        let isEnding = state.withLock { state in
            state.opening = opening
            return state.isEnding
        }
        if isEnding { opening.cancel() }
        return try await opening.value
    }

    private func pump(from upstream: any Subscription, to branches: [FanOutBranch]) async throws {
        var batch = DeliveryBatch()
        while let room = await room() {
            batch.removeAll()
            guard try await upstream.pull(into: &batch, upTo: room) else { return }
            let entries = books.withLock { books in
                batch.records.map { record in
                    DeliveryBuffer.Entry(
                        message: forConsumers(record.message), attempt: record.attempt,
                        position: Position(low: books.ledger.take(record.token, at: record.position)))
                }
            }
            for branch in branches { branch.buffer.arrive(entries) }
        }
    }

    /// What was brought back for the group of the fan-out is meant for all consumers.
    private func forConsumers(_ message: Message) -> Message {
        guard message.metadata[MetadataKey.replayGroup] == plan.group else { return message }
        var message = message
        message.metadata[MetadataKey.replayGroup] = nil
        return message
    }

    /// Waits until another delivery may be taken, and says how many; nil when that is over. Counts here what the transport counts as
    /// well, because what it hands out again, after a lease, is held here twice.
    private func room() async -> Int? {
        while true {
            let (room, signal) = books.withLock { books -> (Int?, Signal?) in
                if books.isEnding { return (nil, nil) }
                let room = plan.prefetch - books.ledger.count
                books.room = room > 0 ? nil : Signal()
                return (min(room, 256), books.room)
            }
            guard let signal else { return room }
            await signal.waitUncancellably()
        }
    }

    private func lose(_ error: any Error, _ branches: [FanOutBranch]) {
        // A consumer would take it for its own cancellation.
        let error =
            error is CancellationError
            ? MillraceError(.closed, "\(plan.subject): its subscription ended", underlying: error, isRetriable: true) : error
        let members = state.withLock { state -> [FanOutMember] in
            guard !state.isEnding else { return [] }
            state.lost = error
            return state.members.values.compactMap(\.member)
        }
        guard !members.isEmpty else { return }
        for branch in branches { branch.buffer.lose(error) }
        for member in members { member.lookAgain() }
    }

    private func renew() {
        let tokens = books.withLock { $0.ledger.tokens }
        if !tokens.isEmpty { upstream?.renew(tokens) }
    }

    // MARK: Settle

    /// A consumer has made an end of deliveries, by their numbers. Those of which it was the last to do so are settled.
    func finish(_ numbers: [Position], by consumer: Int, rejecting reason: String? = nil) {
        guard !numbers.isEmpty else { return }
        var acknowledged: [DeliveryToken] = []
        var rejected: [(token: DeliveryToken, reason: String)] = []
        let room = books.withLock { books in
            for number in numbers {
                switch books.ledger.finish(number.low, by: consumer, rejecting: reason) {
                case .acknowledged(let token): acknowledged.append(token)
                case .rejected(let token, let rejections): rejected.append((token, self.reason(of: rejections)))
                case nil: break
                }
            }
            return books.ledger.count < plan.prefetch ? books.room.take() : nil
        }
        room?.fire()
        guard let upstream else { return }
        if !acknowledged.isEmpty { upstream.acknowledge(acknowledged) }
        for (token, reason) in rejected { upstream.settle(token, .reject(reason: reason)) }
    }

    private func reason(of rejections: [FanOutLedger.Rejection]) -> String {
        rejections.map { "consumer '\(plan.consumers[$0.consumer])': \($0.reason)" }.joined(separator: "; ")
    }

    /// Where the message of a delivery lies in the topic.
    func position(of number: Position) -> Position? { books.withLock { $0.ledger.position(of: number.low) } }

    /// The subscription that the consumers share; nil until it is open.
    var upstream: (any Subscription)? { state.withLock { $0.upstream } }

    func flush() async throws {
        try checkFound()
        try await upstream?.flush()
    }
}
