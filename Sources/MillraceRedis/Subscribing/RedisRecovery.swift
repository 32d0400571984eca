import Millrace
import MillraceTransportKit

/// Finds entries that the server has handed to this member and that never arrived.
final class RedisRecovery: @unchecked Sendable {
    // Safe to share: used on the loop's thread alone.
    private static let page = 100

    private let stream: RedisStream
    private let commands: RedisConnection
    private let buffer: DeliveryBuffer
    private let acknowledger: RedisAcknowledger
    private let observers: AttachableObservers
    /// How many entries to ask for at once.
    private let step: Int

    init(
        _ stream: RedisStream, commands: RedisConnection, buffer: DeliveryBuffer, acknowledger: RedisAcknowledger,
        observers: AttachableObservers, step: Int
    ) {
        self.acknowledger = acknowledger
        self.stream = stream
        self.commands = commands
        self.buffer = buffer
        self.observers = observers
        self.step = step
    }

    /// On the loop; `done` as well. It is told whether the search came to its end; what was found until then is kept. The
    /// connection `clientID` is ended first: the server may not have noticed yet that it is lost, and would go on handing out
    /// entries to it.
    func run(after clientID: Int?, _ done: @escaping @Sendable (Bool) -> Void) {
        if let clientID {
            commands.send(
                SimpleCall<Void> { writer in
                    RedisCommands.kill(clientID, into: &writer)
                } read: { _ in
                } done: { _ in
                })
        }
        look(from: nil, done)
    }

    private func look(from start: Position?, _ done: @escaping @Sendable (Bool) -> Void) {
        guard let group = stream.group else { return done(true) }
        let stream = stream
        // What was here is not missing, even if it is settled before the answer comes; and the acknowledgement of what has been
        // settled goes out before the question.
        let before = buffer.allPositions + acknowledger.burying
        acknowledger.send()
        commands.send(
            SimpleCall<[RedisEntries.Pending]> { writer in
                RedisCommands.pending(
                    of: stream.consumer, group: group, in: stream.topic, after: start, count: Self.page, into: &writer)
            } read: { reply in
                RedisEntries.ofPending(reply)
            } done: { [self] result in
                guard case .success(let pending) = result else { return done(false) }
                guard let last = pending.last else { return done(true) }
                let known = Set(before + buffer.allPositions)
                claim(pending.filter { !known.contains($0.position) }[...], group) { [self] isDone in
                    if isDone { look(from: last.position, done) } else { done(false) }
                }
            })
    }

    private func claim(
        _ missed: ArraySlice<RedisEntries.Pending>, _ group: String, _ done: @escaping @Sendable (Bool) -> Void
    ) {
        guard let first = missed.first else { return done(true) }
        // Those that were handed out equally often go together: a command sets one count.
        let part = missed.prefix(step).prefix { $0.deliveries == first.deliveries }
        let stream = stream
        commands.send(
            SimpleCall<[DeliveryBuffer.Entry]>(isRepeatable: false) { writer in
                // They were counted when they were handed out, so the claim must not count.
                writer.command(arguments: 7 + part.count)
                writer.bulk("XCLAIM")
                writer.bulk(stream.topic)
                writer.bulk(group)
                writer.bulk(stream.consumer)
                writer.bulk(0)
                for pending in part { writer.bulk(id: (pending.position.high, pending.position.low)) }
                writer.bulk("RETRYCOUNT")
                writer.bulk(first.deliveries)
            } read: { reply in
                try RedisEntries.ofClaim(reply, topic: stream.topic) { _ in first.deliveries }
            } done: { [self] result in
                guard case .success(let entries) = result else { return done(false) }
                _ = buffer.arriveClaimed(entries)
                let missing = Set(part.map(\.position)).subtracting(entries.map(\.position))
                RedisTrimmed(stream, commands: commands, observers: observers).find(among: missing.sorted()) { [self] in
                    claim(missed.dropFirst(part.count), group, done)
                }
            })
    }
}
