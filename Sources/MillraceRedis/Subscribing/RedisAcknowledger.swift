import Millrace
import MillraceTransportKit

/// Sends acknowledgements, as many as there are in one command, and knows when all have arrived.
final class RedisAcknowledger: Sendable {
    private struct State {
        var waiting: [Position] = []
        /// Commands that are on their way.
        var underWay = 0
        /// Entries whose dead letters are on their way.
        var burying: Set<Position> = []
        var flushed: [Signal] = []
    }

    /// How many ids the server's scripts take at once.
    private static let chunk = 1_000

    private let stream: RedisStream
    private let commands: RedisConnection
    private let loop: EventLoop
    private let state = Lock(State())

    init(_ stream: RedisStream, commands: RedisConnection, loop: EventLoop) {
        self.stream = stream
        self.commands = commands
        self.loop = loop
    }

    /// Takes positions over that have to be acknowledged. Returns whether ``sendSoon()`` has to be called.
    func note(_ positions: [Position]) -> Bool {
        // Without a group there is nobody to tell.
        guard stream.group != nil, !positions.isEmpty else { return false }
        return state.withLock { state in
            defer { state.waiting += positions }
            return state.waiting.isEmpty
        }
    }

    /// Sends what there is when the loop comes to it; what else is acknowledged until then goes along.
    func sendSoon() { loop.execute { [self] in send() } }

    /// Sends what there is at once. On the loop.
    func send() {
        let positions = state.withLock { state in
            defer { state.waiting = [] }
            if !state.waiting.isEmpty { state.underWay += 1 }
            return state.waiting
        }
        guard !positions.isEmpty, let group = stream.group else { return }
        if stream.options.retention.deletesAcknowledged { delete(positions, group) } else { acknowledge(positions, group) }
    }

    private func acknowledge(_ positions: [Position], _ group: String) {
        let topic = stream.topic
        commands.send(
            SimpleCall<Void> { writer in
                RedisCommands.acknowledge(positions, group: group, of: topic, into: &writer)
            } read: { _ in
            } done: { [self] _ in
                ended()
            })
    }

    private func delete(_ positions: [Position], _ group: String) {
        let topic = stream.topic
        state.withLock { $0.underWay += (positions.count - 1) / Self.chunk }
        for start in stride(from: 0, to: positions.count, by: Self.chunk) {
            let part = positions[start..<min(start + Self.chunk, positions.count)]
            commands.send(
                SimpleCall<Bool> { writer in
                    RedisCommands.acknowledgeAndDelete(part, group: group, of: topic, into: &writer)
                } read: { reply in
                    reply.error == nil
                } done: { [self] result in
                    // A server that has come to refuse scripts: the entries stay, but they are done.
                    if case .success(false) = result { acknowledge(Array(part), group) } else { ended() }
                })
        }
    }

    private func ended() {
        let flushed = state.withLock { state -> [Signal] in
            state.underWay -= 1
            guard state.underWay == 0, state.waiting.isEmpty else { return [] }
            defer { state.flushed = [] }
            return state.flushed
        }
        for signal in flushed { signal.fire() }
    }

    // MARK: Dead letters

    /// What is neither held any more nor acknowledged yet, because its dead letter is on its way.
    var burying: Set<Position> { state.withLock { $0.burying } }

    /// A dead letter for an entry is going to be sent.
    func noteBurial(of position: Position) {
        state.withLock { state in
            state.underWay += 1
            state.burying.insert(position)
        }
    }

    /// Publishes a dead letter, and then acknowledges the entry that it was.
    func bury(_ letter: Message, in topic: String, at position: Position) {
        commands.send(
            SimpleCall<Void> { writer in
                writer.command(arguments: 9)
                writer.bulk("XADD")
                writer.bulk(topic)
                writer.bulk("*")
                RedisLayout.encode(letter, into: &writer)
            } read: { reply in
                if let error = reply.error { throw RedisError.make(error, topic: topic) }
            } done: { [self] result in
                // Not accepted: the entry stays pending, and comes back with its lease.
                let isDone = if case .success = result { true } else { false }
                endBurial(of: position, isDone: isDone)
            })
    }

    /// The dead letter of an entry is there, or will never be.
    func endBurial(of position: Position, isDone: Bool) {
        if isDone, note([position]) { sendSoon() }
        state.withLock { _ = $0.burying.remove(position) }
        ended()
    }

    /// Waits until all acknowledgements so far have been answered, or can't be.
    func flush() async {
        let done = Signal()
        let isIdle = state.withLock { state in
            if state.underWay == 0, state.waiting.isEmpty { return true }
            state.flushed.append(done)
            return false
        }
        if !isIdle { await done.waitUncancellably() }
    }
}
