import Millrace

/// Finds entries that the server has handed to this member and that never arrived.
struct RedisRecovery: Sendable {
    private static let count = 1_000

    private let stream: RedisStream
    private let commands: RedisConnection
    private let buffer: DeliveryBuffer

    init(_ stream: RedisStream, commands: RedisConnection, buffer: DeliveryBuffer) {
        self.stream = stream
        self.commands = commands
        self.buffer = buffer
    }

    /// On the loop; `done` as well. It is told whether the search came to its end. The connection `clientID` is ended first:
    /// the server may not have noticed yet that it is lost, and would go on handing out entries to it.
    func run(after clientID: Int?, _ done: @escaping @Sendable (Bool) -> Void) {
        guard let group = stream.group else { return done(true) }
        let stream = stream
        if let clientID {
            commands.send(
                SimpleCall<Void> { writer in
                    RedisCommands.kill(clientID, into: &writer)
                } read: { _ in
                } done: { _ in
                })
        }
        commands.send(
            SimpleCall<[RedisEntries.Pending]> { writer in
                RedisCommands.pending(
                    of: stream.consumer, group: group, in: stream.topic, count: Self.count, into: &writer)
            } read: { reply in
                RedisEntries.ofPending(reply)
            } done: { result in
                guard case .success(let pending) = result else { return done(false) }
                let known = Set(buffer.allPositions)
                let missed = pending.map(\.position).filter { !known.contains($0) }
                if missed.isEmpty { done(true) } else { claim(missed, group, done) }
            })
    }

    private func claim(_ positions: [Position], _ group: String, _ done: @escaping @Sendable (Bool) -> Void) {
        let stream = stream
        commands.send(
            SimpleCall<[DeliveryBuffer.Entry]> { writer in
                // They were counted when they were handed out, so the claim must not count.
                writer.command(arguments: 7 + positions.count)
                writer.bulk("XCLAIM")
                writer.bulk(stream.topic)
                writer.bulk(group)
                writer.bulk(stream.consumer)
                writer.bulk(0)
                for position in positions { writer.bulk(id: (position.high, position.low)) }
                writer.bulk("RETRYCOUNT")
                writer.bulk(1)
            } read: { reply in
                try RedisEntries.ofClaim(reply, topic: stream.topic) { _ in 1 }
            } done: { result in
                guard case .success(let entries) = result else { return done(false) }
                _ = buffer.arriveClaimed(entries)
                done(true)
            })
    }
}
