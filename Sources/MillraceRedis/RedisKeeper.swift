import Millrace

/// Keeps the leases of what a member holds, and takes over what others have held for too long.
final class RedisKeeper: @unchecked Sendable {
    // Safe to share: used on the loop's thread alone, except where a method says otherwise.
    /// Who has the entries that were given back and that nobody has taken yet.
    private static let nobody = "millrace-nobody"
    /// Longer than any lease: whoever looks next may take the entry.
    private static let longAgo = 30 * 24 * 3_600 * 1_000
    private static let chunk = 500

    private let stream: RedisStream
    private let commands: RedisConnection
    private let loop: EventLoop
    private let clock: any SchedulingClock
    private let buffer: DeliveryBuffer
    private let observers: AttachableObservers
    private var timers: [ScheduledTimer] = []
    private var isClaiming = false
    private var isStopped = false
    private let serverLag = Lock<Int?>(nil)

    init(
        _ stream: RedisStream, commands: RedisConnection, loop: EventLoop, clock: any SchedulingClock,
        buffer: DeliveryBuffer, observers: AttachableObservers
    ) {
        self.stream = stream
        self.commands = commands
        self.loop = loop
        self.clock = clock
        self.buffer = buffer
        self.observers = observers
    }

    private var group: String { stream.group ?? "" }

    /// Claims what can be claimed, calls `ready`, and goes on looking from time to time.
    func start(_ ready: @escaping @Sendable () -> Void) {
        claim { [weak self] in
            ready()
            guard let self, !isStopped else { return }
            every(min(stream.options.claimInterval, stream.lease)) { keeper in
                keeper.claim {}
                keeper.askForLag()
            }
            every(stream.lease / 3) { $0.renewHeld() }
        }
    }

    func stop() {
        isStopped = true
        for timer in timers { timer.cancel() }
        timers = []
    }

    private func every(_ interval: Duration, _ action: @escaping @Sendable (RedisKeeper) -> Void) {
        guard !isStopped else { return }
        let index = timers.count
        timers.append(ScheduledTimer {})
        repeating(index, interval, action)
    }

    private func repeating(_ index: Int, _ interval: Duration, _ action: @escaping @Sendable (RedisKeeper) -> Void) {
        timers[index] = loop.execute(after: interval, clock: clock) { [weak self] in
            guard let self, !isStopped else { return }
            action(self)
            repeating(index, interval, action)
        }
    }

    // MARK: Leases

    /// Starts the lease of entries anew. From any thread.
    func renew(_ positions: [Position]) {
        var rest = positions[...]
        while !rest.isEmpty {
            let part = Array(rest.prefix(Self.chunk))
            rest = rest.dropFirst(Self.chunk)
            command { [stream, group] writer in
                RedisCommands.renew(part, for: stream.consumer, group: group, of: stream.topic, into: &writer)
            }
        }
    }

    private func renewHeld() { renew(buffer.heldPositions) }

    /// Lets the server know that an entry is being handed out again. From any thread.
    func noteAttempt(of entry: DeliveryBuffer.Entry) {
        command { [stream, group] writer in
            RedisCommands.assign(
                [entry.position], to: stream.consumer, group: group, of: stream.topic, idle: 0,
                deliveries: entry.attempt, into: &writer)
        }
    }

    private func command(_ write: @escaping @Sendable (inout RESPWriter) -> Void) {
        // What fails here is made up for by the lease: the entry comes back.
        commands.send(
            SimpleCall<Void>(write) { _ in
            } done: { _ in
            })
    }

    // MARK: Lag

    /// How many entries the group has not been handed, as of the last look; nil when the server does not say.
    var lag: Int? { serverLag.withLock { $0 } }

    private func askForLag() {
        let (topic, group) = (stream.topic, group)
        commands.send(
            SimpleCall<Int?> { writer in
                writer.command(arguments: 3)
                writer.bulk("XINFO")
                writer.bulk("GROUPS")
                writer.bulk(topic)
            } read: { reply in
                for index in 0..<reply.count {
                    let lag = reply.element(index) { fields in Self.lag(in: fields, of: group) }
                    if let lag { return lag }
                }
                return nil
            } done: { [weak self] result in
                self?.serverLag.withLock { $0 = (try? result.get()) ?? nil }
            })
    }

    /// The lag among a group's fields, if it is the right group. Servers before 7.0 do not have it.
    private static func lag(in fields: borrowing RedisReply, of group: String) -> Int? {
        var isRight = false
        var lag: Int?
        var index = 0
        while index + 1 < fields.count {
            switch fields.element(index, { $0.text }) {
            case "name": isRight = fields.element(index + 1) { $0.text } == group
            case "lag": lag = fields.element(index + 1) { $0.integer }
            default: break
            }
            index += 2
        }
        return isRight ? lag : nil
    }

    // MARK: Claim

    private func claim(_ done: @escaping @Sendable () -> Void) {
        let room = min(buffer.room(), Self.chunk)
        guard !isClaiming, room > 0 else { return done() }
        isClaiming = true
        RedisClaim(stream, commands: commands, buffer: buffer, count: room).run { [weak self] expired, mayBeMore in
            guard let self else { return }
            isClaiming = false
            for entry in expired {
                observers.report(
                    .warning,
                    .leaseExpired(
                        topic: stream.topic, group: stream.group, position: entry.position, attempt: entry.attempt))
            }
            if mayBeMore, !isStopped { claim(done) } else { done() }
        }
    }

    // MARK: End

    /// Gives back what is unsettled, for whoever looks next, and takes the consumer off the group. From any thread, when the
    /// connection `reader` reads no more.
    func giveBack(
        _ held: [DeliveryBuffer.Entry], _ delayed: [(entry: DeliveryBuffer.Entry, remaining: Duration)],
        reader clientID: Int
    ) async {
        loop.execute { [self] in stop() }
        command { writer in RedisCommands.kill(clientID, into: &writer) }
        for (attempt, entries) in Dictionary(grouping: held, by: \.attempt) {
            assign(entries.map(\.position), idle: Self.longAgo, deliveries: attempt - 1)
        }
        for (entry, remaining) in delayed {
            let idle = max(.zero, stream.lease - remaining)
            assign([entry.position], idle: Int(idle / .milliseconds(1)), deliveries: entry.attempt - 1)
        }
        _ = try? await withDeadline(.seconds(2), clock: SystemClock.shared) { [self] in try await leave() }
    }

    /// Takes the consumer off the group, if it has nothing any more: whatever it has would be gone with it.
    private func leave() async throws {
        let (stream, group) = (stream, group)
        func pending() async throws -> [RedisEntries.Pending] {
            try await commands.run { writer in
                RedisCommands.pending(
                    of: stream.consumer, group: group, in: stream.topic, count: Self.chunk, into: &writer)
            } read: { reply in
                RedisEntries.ofPending(reply)
            }
        }
        // Entries that were handed out and never arrived.
        for (deliveries, entries) in Dictionary(grouping: try await pending(), by: \.deliveries) {
            assign(entries.map(\.position), idle: Self.longAgo, deliveries: max(0, deliveries - 1))
        }
        guard try await pending().isEmpty else { return }
        try await commands.run { writer in
            RedisCommands.deleteConsumer(stream.consumer, group: group, of: stream.topic, into: &writer)
        } read: { _ in
        }
    }

    private func assign(_ positions: [Position], idle: Int, deliveries: Int) {
        var rest = positions[...]
        while !rest.isEmpty {
            let part = Array(rest.prefix(Self.chunk))
            rest = rest.dropFirst(Self.chunk)
            command { [stream, group] writer in
                RedisCommands.assign(
                    part, to: Self.nobody, group: group, of: stream.topic, idle: idle, deliveries: deliveries,
                    into: &writer)
            }
        }
    }
}
