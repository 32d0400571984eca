import Millrace
import MillraceTransportKit

/// Reads a stream into a buffer, as long as there is room.
final class RedisReader: @unchecked Sendable {
    // Safe to share: used on the loop's thread alone, except where a method says otherwise.
    private static let maximumCount = 1_024
    /// How long a read waits for entries before it is sent again.
    private static let block = Duration.seconds(5)
    /// How long to wait after a read that the server refused.
    private static let pause = Duration.milliseconds(500)

    private let stream: RedisStream
    private let connection: RedisConnection
    private let commands: RedisConnection
    private let buffer: DeliveryBuffer
    private let acknowledger: RedisAcknowledger
    private let loop: EventLoop
    private let clock: any SchedulingClock
    private let observers: AttachableObservers
    /// The last entry that was read, for readers without a group.
    private var last: Position
    /// How many entries to read at once: fewer when connections do not last long enough for their answers.
    private var step = RedisReader.maximumCount
    private var isStarted = false
    private var isReading = false
    private var isStopped = false
    /// Whether the server may have handed out entries that never came: the connection was lost during a read.
    private var mayHaveMissed = false
    /// The server's number for the connection of the last read.
    private var lastClientID = 0
    private let hasStopped = Signal()

    init(
        _ stream: RedisStream, connection: RedisConnection, commands: RedisConnection, buffer: DeliveryBuffer,
        acknowledger: RedisAcknowledger, loop: EventLoop, clock: any SchedulingClock, observers: AttachableObservers,
        after start: Position
    ) {
        self.stream = stream
        self.connection = connection
        self.commands = commands
        self.buffer = buffer
        self.acknowledger = acknowledger
        self.loop = loop
        self.clock = clock
        self.observers = observers
        last = start
    }

    func start() {
        isStarted = true
        connection.onReady = { [weak self] in self?.read() }
        read()
    }

    /// Reads, unless that is being done, or there is no room.
    func read() {
        guard isStarted, !isReading, !isStopped else { return }
        if mayHaveMissed { return recoverMissed() }
        let count = min(buffer.room(), step)
        guard count > 0 else { return }
        isReading = true
        let (stream, last) = (stream, last)
        let block = Int(Self.block / .milliseconds(1))
        connection.send(
            SimpleCall<[DeliveryBuffer.Entry]>(blocking: Self.block, isRepeatable: false) { [weak self] writer in
                // Known only now: the call may have waited for a new connection.
                if let self { lastClientID = connection.clientID }
                guard let group = stream.group else {
                    return RedisCommands.read(stream.topic, after: last, count: count, block: block, into: &writer)
                }
                RedisCommands.readGroup(
                    group, consumer: stream.consumer, of: stream.topic, count: count, block: block, into: &writer)
            } read: { reply in
                try RedisEntries.ofStreams(reply, topic: stream.topic)
            } done: { [weak self] result in
                self?.ended(result)
            })
    }

    private func ended(_ result: Result<[DeliveryBuffer.Entry], any Error>) {
        isReading = false
        switch result {
        case .success(let entries):
            if let entry = entries.last { last = entry.position }
            step = min(Self.maximumCount, step * 2)
            if !entries.isEmpty { buffer.arrive(entries) }
        case .failure(let error as MillraceError) where error.code == .unknownGroup: return recreateGroup()
        case .failure(let error as MillraceError) where !error.isRetriable:
            buffer.lose(error)
            isStopped = true
        case .failure:
            mayHaveMissed = stream.group != nil
            step = max(1, step / 4)
        }
        if isStopped { return hasStopped.fire() }
        if case .success = result { return read() }
        // When the connection was lost, its return ends the wait.
        loop.execute(after: Self.pause, clock: clock) { [weak self] in self?.read() }
    }

    /// The stream or the group is gone, by a flush or a fail-over: begins anew, with all that is there.
    private func recreateGroup() {
        guard !isStopped, let group = stream.group else { return hasStopped.fire() }
        isReading = true
        let topic = stream.topic
        commands.send(
            SimpleCall<Void> { writer in
                RedisCommands.createGroup(group, of: topic, start: .behind(Position(low: 0)), into: &writer)
            } read: { _ in
            } done: { [weak self] _ in
                guard let self else { return }
                isReading = false
                if isStopped { hasStopped.fire() } else { read() }
            })
    }

    /// Asks for what the server believes this member to have, and takes what it has not.
    private func recoverMissed() {
        isReading = true
        mayHaveMissed = false
        // The server may have refused the read, with nothing wrong with the connection.
        let isSame = connection.isReady && connection.clientID == lastClientID
        RedisRecovery(
            stream, commands: commands, buffer: buffer, acknowledger: acknowledger, observers: observers, step: step
        ).run(after: isSame ? nil : lastClientID) { [weak self] isDone in
            guard let self else { return }
            isReading = false
            // What was missed while it looked is looked for anew.
            if !isDone {
                mayHaveMissed = true
                step = max(1, step / 4)
            }
            if isStopped { return hasStopped.fire() }
            if isDone { return read() }
            loop.execute(after: Self.pause, clock: clock) { [weak self] in self?.read() }
        }
    }

    /// Something else than a read may have been handed out and not arrived.
    func noteMissed() {
        mayHaveMissed = true
        read()
    }

    // MARK: End

    /// Reads no more.
    func stop() {
        guard !isStopped else { return }
        isStopped = true
        guard isReading else { return hasStopped.fire() }
        unblock()
    }

    /// Ends the wait of a read. It may not have got to the server yet, so this is done until the read is over.
    private func unblock() {
        guard isReading else { return }
        let clientID = connection.clientID
        commands.send(
            SimpleCall<Void> { writer in
                RedisCommands.unblock(clientID, into: &writer)
            } read: { _ in
            } done: { [weak self] _ in
                guard let self, isReading else { return }
                loop.execute(after: .milliseconds(10), clock: SystemClock.shared) { [weak self] in self?.unblock() }
            })
    }

    /// Waits for the read that is under way, but not for a server that is gone. From any thread.
    func waitUntilStopped() async {
        let timer = SystemClock.shared.schedule(after: .seconds(2)) { [hasStopped] in hasStopped.fire() }
        await hasStopped.waitUncancellably()
        timer.cancel()
    }

    /// The server's number for the connection of the last read. From any thread, once the reader is stopped.
    var clientID: Int { lastClientID }

    func expectEnd() { connection.expectEnd() }

    func close() async { await connection.close() }

    func abandon() { connection.abandon() }
}
