import Millrace
import MillraceTransportKit

/// One look for entries that have been with a member for longer than its lease, and taking them over.
///
/// How long a member may have them is part of its name; of members of other systems it is this member's own lease.
final class RedisClaim: @unchecked Sendable {
    // Safe to share: used on the loop's thread alone.
    private let stream: RedisStream
    private let group: String
    private let commands: RedisConnection
    private let buffer: DeliveryBuffer
    private let count: Int
    private let trimmed: RedisTrimmed
    private var found: [(pending: RedisEntries.Pending, lease: Int)] = []
    private var wanted: [(pending: RedisEntries.Pending, lease: Int)] = []
    private var mayHaveMissed = false
    private var isMoreThanWanted = false
    private var taken: [DeliveryBuffer.Entry] = []
    private var left = 0

    init(
        _ stream: RedisStream, commands: RedisConnection, buffer: DeliveryBuffer, observers: AttachableObservers, count: Int
    ) {
        self.stream = stream
        trimmed = RedisTrimmed(stream, commands: commands, observers: observers)
        group = stream.group ?? ""
        self.commands = commands
        self.buffer = buffer
        self.count = count
    }

    /// - Parameters:
    ///   - expired: Deliveries of this very member that are over.
    ///   - mayBeMore: Whether there were more than were asked for.
    ///   - mayHaveMissed: Whether entries were claimed, perhaps, and did not arrive.
    typealias Done = @Sendable (_ expired: [DeliveryBuffer.Entry], _ mayBeMore: Bool, _ mayHaveMissed: Bool) -> Void

    /// Calls `done` on the loop.
    func run(_ done: @escaping Done) {
        let (topic, group) = (stream.topic, group)
        commands.send(
            SimpleCall<[String]> { writer in
                RedisCommands.pendingSummary(group: group, of: topic, into: &writer)
            } read: { reply in
                reply.element(3) { consumers in
                    (0..<consumers.count).compactMap { index in
                        consumers.element(index) { consumer in consumer.element(0) { $0.text } }
                    }
                } ?? []
            } done: { [self] result in
                look(at: (try? result.get()) ?? [], done)
            })
    }

    private func look(at consumers: [String], _ done: @escaping Done) {
        guard !consumers.isEmpty else { return done([], false, false) }
        left = consumers.count
        let (topic, group, count) = (stream.topic, group, count)
        for consumer in consumers {
            let lease = RedisConsumer.lease(of: consumer) ?? RedisConsumer.milliseconds(stream.lease)
            commands.send(
                SimpleCall<[RedisEntries.Pending]> { writer in
                    RedisCommands.pending(
                        of: consumer, group: group, in: topic, idle: lease, count: count, into: &writer)
                } read: { reply in
                    RedisEntries.ofPending(reply)
                } done: { [self] result in
                    found += ((try? result.get()) ?? []).map { ($0, lease) }
                    left -= 1
                    if left == 0 { take(done) }
                })
        }
    }

    /// Takes the oldest of what was found, as many as there is room for.
    private func take(_ done: @escaping Done) {
        let held = Set(buffer.heldPositions)
        let all = found.filter { !held.contains($0.pending.position) }.sorted { $0.pending.position < $1.pending.position }
        wanted = Array(all.prefix(count))
        guard !wanted.isEmpty else { return done([], false, false) }
        isMoreThanWanted = all.count > wanted.count
        let leases = Dictionary(grouping: wanted, by: \.lease)
        left = leases.count
        for (lease, entries) in leases { claim(entries.map(\.pending), lease, done) }
    }

    private func claim(_ pending: [RedisEntries.Pending], _ lease: Int, _ done: @escaping Done) {
        let (stream, group) = (stream, group)
        let attempts = Dictionary(pending.map { ($0.position, $0.deliveries + 1) }) { first, _ in first }
        commands.send(
            // Sent again it would find what it has claimed itself too fresh to be claimed.
            SimpleCall<[DeliveryBuffer.Entry]>(isRepeatable: false) { writer in
                RedisCommands.claim(
                    pending.map(\.position), for: stream.consumer, group: group, of: stream.topic, idle: lease,
                    into: &writer)
            } read: { reply in
                try RedisEntries.ofClaim(reply, topic: stream.topic) { attempts[$0] ?? 1 }
            } done: { [self] result in
                if case .success(let entries) = result { taken += entries } else { mayHaveMissed = true }
                left -= 1
                if left == 0 { ended(done) }
            })
    }

    private func ended(_ done: @escaping Done) {
        let expired = taken.isEmpty ? [] : buffer.arriveClaimed(taken.sorted { $0.position < $1.position })
        guard !mayHaveMissed else { return done(expired, false, true) }
        // What another member was quicker to take is missing as well.
        let missing = Set(wanted.map(\.pending.position)).subtracting(taken.map(\.position))
        trimmed.find(among: missing.sorted()) { [self] in
            done(expired, isMoreThanWanted || !taken.isEmpty && wanted.count == count, false)
        }
    }
}
