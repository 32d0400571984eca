public import Millrace

/// The subscriptions of a transport that are open, so that closing it closes them. Holds none of them.
public final class OpenSubscriptions<Member: Subscription>: Sendable {
    private struct Entry {
        weak var subscription: Member?
    }

    private struct State {
        var entries: [Entry] = []
        var isClosed = false
    }

    private let state = Lock(State())
    private let hasClosed = Signal()

    /// None is open.
    public init() {}

    /// Throws a `MillraceError` of code `closed` once the transport is closed.
    public func checkOpen() throws {
        guard state.withLock({ $0.isClosed }) else { return }
        throw MillraceError(.closed, "the transport is closed", isRetriable: false)
    }

    /// Adds one. Throws a `MillraceError` of code `closed`, and adds nothing, once the transport is closed.
    public func add(_ subscription: Member) throws {
        let isClosed = state.withLock { state in
            state.entries.removeAll { $0.subscription == nil }
            if !state.isClosed { state.entries.append(Entry(subscription: subscription)) }
            return state.isClosed
        }
        if isClosed { try checkOpen() }
    }

    /// Those that are open.
    public var all: [Member] { state.withLock { $0.entries.compactMap(\.subscription) } }

    /// How many match.
    public func count(where matches: (Member) -> Bool) -> Int {
        state.withLock { state in state.entries.count { $0.subscription.map(matches) ?? false } }
    }

    /// Closes the transport: `body` is given what was open, and done by the first who calls. All others wait for it.
    public func close(_ body: ([Member]) async -> Void) async {
        let open = state.withLock { state -> [Member]? in
            guard !state.isClosed else { return nil }
            defer { state = State(entries: [], isClosed: true) }
            return state.entries.compactMap(\.subscription)
        }
        guard let open else { return await hasClosed.waitUncancellably() }
        await body(open)
        hasClosed.fire()
    }
}
