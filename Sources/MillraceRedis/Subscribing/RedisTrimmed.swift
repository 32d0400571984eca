import Millrace
import MillraceTransportKit

/// Finds entries that a group has not acknowledged and that are in the stream no more; reports them, and acknowledges them, since
/// nobody can handle them.
final class RedisTrimmed: @unchecked Sendable {
    // Safe to share: used on the loop's thread alone.
    /// How many ids a report names.
    private static let named = 10

    private let stream: RedisStream
    private let commands: RedisConnection
    private let observers: AttachableObservers
    private var gone: [Position] = []
    private var left = 0

    init(_ stream: RedisStream, commands: RedisConnection, observers: AttachableObservers) {
        self.stream = stream
        self.commands = commands
        self.observers = observers
    }

    /// Looks for entries that were not there when they were claimed. On the loop; `done` as well.
    func find(among positions: [Position], _ done: @escaping @Sendable () -> Void) {
        guard !positions.isEmpty else { return done() }
        let stream = stream
        left = positions.count
        for position in positions {
            commands.send(
                SimpleCall<Bool> { writer in
                    RedisCommands.entry(position, of: stream.topic, into: &writer)
                } read: { reply in
                    reply.error == nil && reply.count == 0
                } done: { [self] result in
                    if case .success(true) = result { gone.append(position) }
                    left -= 1
                    guard left == 0 else { return }
                    if !gone.isEmpty { dismiss(gone) }
                    done()
                })
        }
    }

    private func dismiss(_ positions: [Position]) {
        guard let group = stream.group else { return }
        let topic = stream.topic
        // Redis 7 has taken them off the group by itself; earlier ones have not.
        commands.send(
            SimpleCall<Void> { writer in
                RedisCommands.acknowledge(positions, group: group, of: topic, into: &writer)
            } read: { _ in
            } done: { _ in
            })
        let ids = positions.prefix(Self.named).map(\.description).joined(separator: ", ")
        observers.report(
            .error,
            .messagesDropped(
                topic: topic, count: positions.count,
                reason: "trimmed off the stream before group '\(group)' had acknowledged them: \(ids)"
                    + (positions.count > Self.named ? ", ..." : "")))
    }
}
