import Millrace

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// The thread of a proxy, and what it shares with those that cause the faults.
///
/// Only the thread waits; sockets are touched under the lock, and none of them blocks. So a fault has happened when the call
/// that causes it returns.
final class ProxyLoop: Sendable {
    /// Cuts that are to come: after so many more bytes.
    struct Plan {
        var remaining: Int?
        /// Draws the next `remaining` once a connection was cut.
        var next: (@Sendable () -> Int)?
    }

    struct State {
        var connections: [ProxyConnection] = []
        var plan = Plan()
        /// Tells plans by time apart.
        var planID: UInt64 = 0
        var isStalled = false
        /// How long bytes are held up.
        var delay = Duration.zero
        var refuses = false
        var isClosed = false
        var accepted = 0
        var refused = 0
        var cuts = 0
        var nextID: UInt64 = 0
        var scratch = [UInt8](repeating: 0, count: 64 * 1_024)
    }

    let port: Int
    private let target: ProxyTarget
    private let listener: Int32
    private let wake: (reading: Int32, writing: Int32)
    private let state = Lock(State())

    init(_ target: ProxyTarget) throws {
        self.target = target
        wake = try ProxySocket.pipePair()
        (listener, port) = try ProxySocket.listen()
        try start()
    }

    deinit {
        for descriptor in [wake.reading, wake.writing] { close(descriptor) }
    }

    /// Changes the state and lets the thread see it.
    func update<Result>(_ body: (inout State) -> Result) -> Result {
        let result = state.withLock(body)
        var byte: UInt8 = 0
        // A full pipe wakes the thread just as well.
        _ = write(wake.writing, &byte, 1)
        return result
    }

    func read<Result>(_ body: (State) -> Result) -> Result { state.withLock { body($0) } }

    private func start() throws {
        let box = Unmanaged.passRetained(self)
        #if canImport(Darwin)
        var thread: pthread_t?
        let code = pthread_create(&thread, nil, { ProxyLoop.run($0) }, box.toOpaque())
        #else
        var thread = pthread_t()
        let code = pthread_create(&thread, nil, { $0.flatMap { ProxyLoop.run($0) } }, box.toOpaque())
        #endif
        guard code == 0 else {
            box.release()
            close(listener)
            throw MillraceError(.invalidState, "TCPProxy: no thread, error \(code)", isRetriable: true)
        }
        #if canImport(Darwin)
        if let thread { pthread_detach(thread) }
        #else
        pthread_detach(thread)
        #endif
    }

    private static func run(_ box: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer? {
        Unmanaged<ProxyLoop>.fromOpaque(box).takeRetainedValue().loop()
        return nil
    }

    /// Waits until sockets are ready, and moves what can be moved, until the proxy is closed.
    private func loop() {
        var entries: [pollfd] = []
        var ids: [UInt64] = []
        while let wait = state.withLock({ collect(&entries, &ids, $0) }) {
            guard poll(&entries, nfds_t(entries.count), wait) > 0 else { continue }
            ProxySocket.drain(wake.reading)
            state.withLock { state in
                for (index, id) in ids.enumerated() where entries[2 + 2 * index].revents | entries[3 + 2 * index].revents != 0 {
                    step(id, &state)
                }
                if entries[1].revents != 0 { acceptAll(&state) }
            }
        }
        close(listener)
    }

    /// What to wait for, and for how many milliseconds, -1 for any number. Nil when the proxy is closed.
    private func collect(_ entries: inout [pollfd], _ ids: inout [UInt64], _ state: State) -> Int32? {
        entries = [
            pollfd(fd: wake.reading, events: Int16(POLLIN), revents: 0), pollfd(fd: listener, events: Int16(POLLIN), revents: 0),
        ]
        ids = []
        guard !state.isClosed else { return nil }
        guard !state.isStalled else { return -1 }
        let now = SystemClock.shared.now
        var next: ClockInstant?
        for connection in state.connections {
            if let due = connection.due, due > now { next = min(next ?? due, due) }
            let events = connection.events(now, delay: state.delay)
            // `poll` reports an error even to those who wait for nothing, but leaves out negative descriptors.
            entries.append(pollfd(fd: events.client == 0 ? -1 : connection.client, events: events.client, revents: 0))
            entries.append(pollfd(fd: events.server == 0 ? -1 : connection.server, events: events.server, revents: 0))
            ids.append(connection.id)
        }
        // A millisecond more than what is cut off, so that it is time then.
        return next.map { Int32(clamping: Int64(now.duration(to: $0) / .milliseconds(1)) + 1) } ?? -1
    }

    /// Moves a connection's bytes, unless it was cut meanwhile.
    private func step(_ id: UInt64, _ state: inout State) {
        guard !state.isStalled, let index = state.connections.firstIndex(where: { $0.id == id }) else { return }
        let health = state.connections[index].forward(&state.scratch, allowance: &state.plan.remaining, delay: state.delay)
        if let remaining = state.plan.remaining, remaining <= 0 {
            state.connections.remove(at: index).reset()
            state.cuts += 1
            state.plan.remaining = state.plan.next?()
        } else if health != .open {
            let connection = state.connections.remove(at: index)
            if health == .done { connection.close() } else { connection.reset() }
        }
    }

    private func acceptAll(_ state: inout State) {
        while let client = ProxySocket.accept(listener) {
            guard !state.isClosed, !state.refuses, let server = ProxySocket.connect(target) else {
                ProxySocket.reset(client)
                state.refused += 1
                continue
            }
            state.accepted += 1
            state.nextID += 1
            state.connections.append(ProxyConnection(id: state.nextID, client: client, server: server))
        }
    }
}
