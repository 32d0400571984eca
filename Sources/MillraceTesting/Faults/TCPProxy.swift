public import Millrace

/// A bad network between a client and its server: forwards TCP connections, and cuts, stalls, delays or refuses them when told to.
///
/// It listens on a free port of the loopback. Every connection to it gets one of its own to the server, so that the server may
/// be restarted underneath. Bytes are forwarded as they are, by a thread of the proxy's own. A cut resets both sides; what
/// was on its way is lost, as when a cable is pulled.
///
/// ```swift
/// let proxy = try TCPProxy(to: 6379)
/// let url = "redis://127.0.0.1:\(proxy.port)"
/// proxy.cutRandomly(within: 50_000, RandomSource(seed: 1))
/// ```
public final class TCPProxy: Sendable {
    private let loop: ProxyLoop

    /// A proxy that forwards to a port of a host; it need not be listening yet.
    ///
    /// - Parameters:
    ///   - port: The server's port, 1 to 65,535.
    ///   - host: The server's name or address. Defaults to 127.0.0.1. A name is resolved once, here.
    /// - Throws: A `MillraceError` of code `invalidOption`, or of code `connectionFailed` when there is no free port.
    public init(to port: Int, host: String = "127.0.0.1") throws {
        loop = try ProxyLoop(ProxyTarget(host: host, port: port))
    }

    deinit { close() }

    /// The port to connect to, at 127.0.0.1.
    public var port: Int { loop.port }

    /// How many connections are open.
    public var connectionCount: Int { loop.read { $0.connections.count } }

    /// How many connections were accepted so far.
    public var acceptedCount: Int { loop.read { $0.accepted } }

    /// How many connections were cut so far. Those that client or server ended by themselves, and those that
    /// ``refuseConnections()`` turned away, do not count.
    public var cutCount: Int { loop.read { $0.cuts } }

    /// How many connections were turned away so far.
    public var refusedCount: Int { loop.read { $0.refused } }

    /// Cuts all connections now. New ones are accepted. Returns how many it cut.
    @discardableResult
    public func cutAll() -> Int { cutAll(sparing: 0) }

    private func cutAll(sparing bytes: Int) -> Int {
        loop.update { state in
            let spared = state.connections.partition { $0.answered < bytes }
            for connection in state.connections[..<spared] { connection.reset() }
            state.connections.removeFirst(spared)
            state.cuts += spared
            return spared
        }
    }

    /// Cuts one connection, once: the one that carries the last of so many more bytes, over all connections and in both
    /// directions. What was passed on until then usually still arrives.
    ///
    /// Takes the place of what an earlier call of it, or of ``cutRandomly(within:_:)``, has planned.
    ///
    /// - Parameter bytes: How many; less than 1 counts as 1.
    public func cut(afterBytes bytes: Int) {
        loop.update { state in
            state.plan = ProxyLoop.Plan(remaining: max(1, bytes))
            state.planID += 1
        }
    }

    /// Cuts one connection again and again: the one that carries a byte drawn at random from the next ones, over all connections
    /// and in both directions. Goes on until ``stopCutting()``.
    ///
    /// - Parameters:
    ///   - bytes: Draws from 1 to so many bytes; on average a connection is cut after half of them. Less than 1 counts as 1.
    ///   - random: With a seed, the same numbers of bytes come from run to run.
    public func cutRandomly(within bytes: Int, _ random: RandomSource) {
        let most = UInt64(max(1, bytes))
        let next = { @Sendable in 1 + Int(random.next() % most) }
        loop.update { state in
            state.plan = ProxyLoop.Plan(remaining: next(), next: next)
            state.planID += 1
        }
    }

    /// Cuts all connections again and again, each time after a while drawn at random. Goes on until ``stopCutting()``.
    ///
    /// - Parameters:
    ///   - interval: Draws from 1 millisecond to so long; on average connections live for half of it. Less than 1 millisecond
    ///     counts as that.
    ///   - bytes: Spares connections over which the server has sent fewer bytes than that. So they live through their handshake
    ///     on a slow machine too; otherwise none might ever get beyond it. Defaults to 0.
    ///   - random: With a seed, the same times come from run to run.
    public func cutRandomly(every interval: Duration, sparing bytes: Int = 0, _ random: RandomSource) {
        let plan = loop.update { state in
            state.plan = ProxyLoop.Plan()
            state.planID += 1
            return state.planID
        }
        cutLater(max(1, Int64(interval / .milliseconds(1))), bytes, random, plan)
    }

    private func cutLater(_ most: Int64, _ bytes: Int, _ random: RandomSource, _ plan: UInt64) {
        let pause = Duration.milliseconds(1 + Int64(random.next() % UInt64(most)))
        SystemClock.shared.schedule(after: pause) { [weak self] in
            guard let self, loop.read({ $0.planID == plan && !$0.isClosed }) else { return }
            _ = cutAll(sparing: bytes)
            cutLater(most, bytes, random, plan)
        }
    }

    /// Takes back what ``cut(afterBytes:)``, ``cutRandomly(within:_:)`` or ``cutRandomly(every:sparing:_:)`` has planned.
    public func stopCutting() {
        loop.update { state in
            state.plan = ProxyLoop.Plan()
            state.planID += 1
        }
    }

    /// Stops forwarding without closing anything, as a network does that swallows packets. Connections are still accepted.
    public func stall() { loop.update { $0.isStalled = true } }

    /// Goes on forwarding after ``stall()``. Nothing that came in between is lost.
    public func resume() { loop.update { $0.isStalled = false } }

    /// Holds up all bytes that come from now on, in both directions, as a network far away does: an answer takes twice as long.
    ///
    /// At most a megabyte of each direction waits. What has come before keeps its time, and nothing overtakes it.
    ///
    /// - Parameter duration: How long; zero, as it is at first, for not at all. Kept to about a millisecond.
    public func delay(by duration: Duration) { loop.update { $0.delay = max(.zero, duration) } }

    /// Turns new connections away, by a reset as soon as they are made. Those that are open go on.
    public func refuseConnections() { loop.update { $0.refuses = true } }

    /// Accepts connections again after ``refuseConnections()``.
    public func acceptConnections() { loop.update { $0.refuses = false } }

    /// Cuts all connections, which do not count, ends the thread and gives the port back. Calling it again does nothing.
    public func close() {
        loop.update { state in
            for connection in state.connections { connection.reset() }
            state.connections = []
            state.isClosed = true
        }
    }
}
