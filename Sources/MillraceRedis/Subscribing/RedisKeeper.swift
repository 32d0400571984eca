import Millrace
import MillraceTransportKit

/// Keeps the leases of what a member holds, and takes over what others have held for too long.
final class RedisKeeper: @unchecked Sendable {
    // Safe to share: used on the loop's thread alone, except where a method says otherwise.
    /// Who has the entries that were given back and that nobody has taken yet.
    private static let nobody = "millrace-nobody"
    /// Longer than any lease: whoever looks next may take the entry.
    private static let longAgo = 30 * 24 * 3_600 * 1_000
    private static let chunk = 500
    /// How often to look for members that are gone, and how long they must not have been heard of. Those that live read every
    /// few seconds.
    private static let staleInterval = Duration.seconds(30)
    private static let staleAfter = Duration.seconds(60)

    private let stream: RedisStream
    private let commands: RedisConnection
    private let loop: EventLoop
    private let clock: any SchedulingClock
    private let buffer: DeliveryBuffer
    private let observers: AttachableObservers
    private var timers: [ScheduledTimer] = []
    private var isClaiming = false
    private var claimEnded: [Signal] = []
    /// Whether the last look has found more than there was room for.
    private var leftSomething = false
    private var isStopped = false
    /// Called on the loop when entries were claimed, perhaps, and did not arrive. Set before the start.
    var onMissed: (@Sendable () -> Void)?
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
        offerOwn { [weak self] in
            self?.claim { [weak self] in
                ready()
                guard let self, !isStopped else { return }
                every(min(stream.options.claimInterval, stream.lease)) { keeper in
                    keeper.claim {}
                    keeper.askForLag()
                }
                every(stream.lease / 3) { $0.renewHeld() }
                every(max(Self.staleInterval, stream.lease)) { $0.removeStale(after: max(Self.staleAfter, $0.stream.lease * 3)) }
            }
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
                RedisCommands.groups(of: topic, into: &writer)
            } read: { reply in
                RedisGroupInfo.all(in: reply).first { $0.name == group }?.lag
            } done: { [weak self] result in
                self?.serverLag.withLock { $0 = (try? result.get()) ?? nil }
            })
    }

    // MARK: Claim

    /// What a process of this member's name has left behind when it died is for whoever looks next: most likely this member.
    private func offerOwn(_ done: @escaping @Sendable () -> Void) {
        guard stream.options.consumer != nil else { return done() }
        let (stream, group) = (stream, group)
        commands.send(
            SimpleCall<[RedisEntries.Pending]> { writer in
                RedisCommands.pending(
                    of: stream.consumer, group: group, in: stream.topic, count: Self.chunk, into: &writer)
            } read: { reply in
                RedisEntries.ofPending(reply)
            } done: { [weak self] result in
                guard let self, case .success(let own) = result, !own.isEmpty else { return done() }
                offer(own)
                // The commands go out in order: the next look finds what is left.
                offerOwn(done)
            })
    }

    /// Gives entries that were handed out to whoever looks next, with their count of deliveries as it is.
    private func offer(_ pending: [RedisEntries.Pending]) {
        for (deliveries, entries) in Dictionary(grouping: pending, by: \.deliveries) {
            assign(entries.map(\.position), idle: Self.longAgo, deliveries: deliveries)
        }
    }

    /// There is room again: goes on with what it could not take.
    func roomAppeared() {
        if leftSomething { claim {} }
    }

    private func claim(_ done: @escaping @Sendable () -> Void) {
        guard !isClaiming, !isStopped else { return done() }
        let room = min(buffer.room(), Self.chunk)
        guard room > 0 else { return done() }
        isClaiming = true
        RedisClaim(stream, commands: commands, buffer: buffer, observers: observers, count: room).run {
            [weak self] expired, mayBeMore, mayHaveMissed in
            guard let self else { return }
            isClaiming = false
            for signal in claimEnded { signal.fire() }
            claimEnded = []
            leftSomething = mayBeMore
            if mayHaveMissed { onMissed?() }
            for entry in expired {
                observers.report(
                    .warning,
                    .leaseExpired(
                        topic: stream.topic, group: stream.group, position: entry.position, attempt: entry.attempt))
            }
            if mayBeMore, !isStopped { claim(done) } else { done() }
        }
    }

    /// Claims no more, and waits for what is being claimed, as long as the server may be away. From any thread.
    func stopClaiming() async {
        let ended = Signal()
        loop.execute { [self] in
            stop()
            if isClaiming { claimEnded.append(ended) } else { ended.fire() }
        }
        _ = try? await withDeadline(stream.options.connectTimeout, clock: SystemClock.shared) { try await ended.wait() }
    }

    // MARK: Members that are gone

    /// Takes members off the group that have nothing and have not been heard of for so long.
    func removeStale(after age: Duration) {
        let (stream, group) = (stream, group)
        command { writer in
            writer.command(arguments: 6)
            writer.bulk("EVAL")
            writer.bulk(RedisScript.removeStale)
            writer.bulk("1")
            writer.bulk(stream.topic)
            writer.bulk(group)
            writer.bulk(RedisConsumer.milliseconds(age))
        }
    }

    // MARK: End

    /// Gives back what is unsettled, for whoever looks next, and takes the consumer off the group. From any thread, when the
    /// connection `reader` reads no more.
    func giveBack(
        _ held: [DeliveryBuffer.Entry], _ delayed: [(entry: DeliveryBuffer.Entry, remaining: Duration)],
        reader clientID: Int
    ) async {
        command { writer in RedisCommands.kill(clientID, into: &writer) }
        for (attempt, entries) in Dictionary(grouping: held, by: \.attempt) {
            assign(entries.map(\.position), idle: Self.longAgo, deliveries: attempt - 1)
        }
        for (entry, remaining) in delayed {
            let idle = max(.zero, stream.lease - remaining)
            assign([entry.position], idle: Int(idle / .milliseconds(1)), deliveries: entry.attempt - 1)
        }
        // A server that is away must not hold up the end: what is not given back comes back with its lease.
        let patience = stream.options.connectTimeout
        _ = try? await withDeadline(patience, clock: SystemClock.shared) { [self] in try await leave() }
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
        while case let own = try await pending(), !own.isEmpty {
            offer(own.map { .init(position: $0.position, deliveries: max(0, $0.deliveries - 1)) })
        }
        // A server without scripts keeps the consumer: it must not go with entries that it was given meanwhile.
        try await commands.run { writer in
            writer.command(arguments: 6)
            writer.bulk("EVAL")
            writer.bulk(RedisScript.leave)
            writer.bulk("1")
            writer.bulk(stream.topic)
            writer.bulk(group)
            writer.bulk(stream.consumer)
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
