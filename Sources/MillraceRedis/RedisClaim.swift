import Millrace

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
    private var found: [RedisEntries.Pending] = []
    private var left = 0

    init(_ stream: RedisStream, commands: RedisConnection, buffer: DeliveryBuffer, count: Int) {
        self.stream = stream
        group = stream.group ?? ""
        self.commands = commands
        self.buffer = buffer
        self.count = count
    }

    typealias Done = @Sendable (_ expired: [DeliveryBuffer.Entry], _ mayBeMore: Bool) -> Void

    /// Calls `done` on the loop, with the deliveries of this very member that are over.
    func run(_ done: @escaping Done) {
        let (topic, group) = (stream.topic, group)
        commands.send(
            SimpleCall<[String]> { writer in
                writer.command(arguments: 3)
                writer.bulk("XPENDING")
                writer.bulk(topic)
                writer.bulk(group)
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
        guard !consumers.isEmpty else { return done([], false) }
        left = consumers.count
        let (topic, group, count) = (stream.topic, group, count)
        for consumer in consumers {
            let lease = RedisConsumer.lease(of: consumer) ?? RedisConsumer.milliseconds(stream.lease)
            commands.send(
                SimpleCall<[RedisEntries.Pending]> { writer in
                    writer.command(arguments: 9)
                    writer.bulk("XPENDING")
                    writer.bulk(topic)
                    writer.bulk(group)
                    writer.bulk("IDLE")
                    writer.bulk(lease)
                    writer.bulk("-")
                    writer.bulk("+")
                    writer.bulk(count)
                    writer.bulk(consumer)
                } read: { reply in
                    RedisEntries.ofPending(reply)
                } done: { [self] result in
                    take((try? result.get()) ?? [], lease: lease, done)
                })
        }
    }

    private func take(_ pending: [RedisEntries.Pending], lease: Int, _ done: @escaping Done) {
        let held = Set(buffer.heldPositions)
        let wanted = pending.filter { !held.contains($0.position) }
        guard !wanted.isEmpty else { return ended([], done) }
        let (stream, group) = (stream, group)
        let attempts = Dictionary(wanted.map { ($0.position, $0.deliveries + 1) }) { first, _ in first }
        commands.send(
            SimpleCall<[DeliveryBuffer.Entry]> { writer in
                RedisCommands.claim(
                    wanted.map(\.position), for: stream.consumer, group: group, of: stream.topic, idle: lease,
                    into: &writer)
            } read: { reply in
                try RedisEntries.ofClaim(reply, topic: stream.topic) { attempts[$0] ?? 1 }
            } done: { [self] result in
                ended((try? result.get()) ?? [], done)
            })
    }

    private var expired: [DeliveryBuffer.Entry] = []
    private var taken = 0

    private func ended(_ entries: [DeliveryBuffer.Entry], _ done: Done) {
        if !entries.isEmpty { expired += buffer.arriveClaimed(entries) }
        taken += entries.count
        left -= 1
        if left == 0 { done(expired, taken >= count) }
    }
}
