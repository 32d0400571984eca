import CNATS
import Millrace

/// Sends settlements, and knows when the server has them. From any thread.
///
/// Acknowledgements go out at once, one behind the other; libnats and the loop make one write of many. One of them is answered:
/// then the server has all that went before.
final class NATSAcknowledger: Sendable {
    struct Settlement: Sendable {
        let reply: String
        let text: String
        /// Whether it changes nothing when it comes twice: then it is sent again if the connection was lost before the answer.
        let isRepeatable: Bool

        static func acknowledge(_ reply: String) -> Settlement { Settlement(reply: reply, text: "+ACK", isRepeatable: true) }
        static func terminate(_ reply: String) -> Settlement { Settlement(reply: reply, text: "+TERM", isRepeatable: true) }

        static func giveBack(_ reply: String, after delay: Duration) -> Settlement {
            let text = delay > .zero ? #"-NAK {"delay": \#(delay.nanosecondsClamped)}"# : "-NAK"
            return Settlement(reply: reply, text: text, isRepeatable: false)
        }
    }

    private struct State {
        /// Not sent, because there was no connection.
        var waiting: [Settlement] = []
        /// Sent, and not known to have arrived.
        var sent: [Settlement] = []
        var isAsking = false
        /// Dead letters that are on their way.
        var burials = 0
        var flushed: [Signal] = []

        var isIdle: Bool { waiting.isEmpty && sent.isEmpty && burials == 0 }
    }

    private let connection: NATSConnection
    private let state = Lock(State())

    init(_ connection: NATSConnection) { self.connection = connection }

    /// Sends settlements.
    func send(_ settlements: [Settlement]) {
        guard !settlements.isEmpty else { return }
        guard let link = connection.link else { return state.withLock { $0.waiting += settlements } }
        let mustAsk = state.withLock { state in
            state.sent += settlements
            defer { state.isAsking = true }
            return !state.isAsking
        }
        for settlement in settlements { link.publish(settlement.reply, settlement.text) }
        if mustAsk { ask() }
    }

    /// Acknowledges what is settled at these subjects.
    func acknowledge(_ claims: [NATSClaims.Claim]) { send(claims.map { .acknowledge($0.reply) }) }

    /// Asks whether all that was sent so far has arrived.
    private func ask() {
        let (count, last) = state.withLock { ($0.sent.count, $0.sent.last { $0.isRepeatable }) }
        let done: @Sendable (Bool) -> Void = { [weak self] isDone in self?.answered(count, isDone) }
        guard let last else { return connection.echo(done) }
        connection.request(last.reply, last.text) { result in
            if case .success = result { done(true) } else { done(false) }
        }
    }

    private func answered(_ count: Int, _ isDone: Bool) {
        let (mustAsk, flushed) = state.withLock { state -> (Bool, [Signal]) in
            if isDone { state.sent.removeFirst(min(count, state.sent.count)) }
            state.isAsking = !state.sent.isEmpty && isDone
            return (state.isAsking, Self.takeFlushed(&state))
        }
        if mustAsk { ask() }
        for signal in flushed { signal.fire() }
    }

    private static func takeFlushed(_ state: inout State) -> [Signal] {
        guard state.isIdle else { return [] }
        defer { state.flushed = [] }
        return state.flushed
    }

    /// Sends again what may not have arrived, and what could not be sent. On the loop.
    func linkUp() {
        let again = state.withLock { state in
            defer { (state.waiting, state.sent, state.isAsking) = ([], [], false) }
            return state.sent.filter(\.isRepeatable) + state.waiting
        }
        send(again)
        let flushed = state.withLock { Self.takeFlushed(&$0) }
        for signal in flushed { signal.fire() }
    }

    // MARK: Dead letters

    func noteBurial() { state.withLock { $0.burials += 1 } }

    func burialEnded() {
        let flushed = state.withLock { state in
            state.burials -= 1
            return Self.takeFlushed(&state)
        }
        for signal in flushed { signal.fire() }
    }

    // MARK: End

    /// Waits until the server has all settlements, but not longer than `patience`.
    ///
    /// - Throws: A `MillraceError` when it does not have them by then: they are sent when the connection is back.
    func flush(patience: Duration) async throws {
        let done = Signal()
        let (isIdle, mustAsk) = state.withLock { state in
            if !state.isIdle { state.flushed.append(done) }
            let mustAsk = !state.isAsking && !state.sent.isEmpty
            if mustAsk { state.isAsking = true }
            return (state.isIdle, mustAsk)
        }
        guard !isIdle else { return }
        if mustAsk { ask() }
        let timer = SystemClock.shared.schedule(after: patience) { done.fire() }
        await done.waitUncancellably()
        timer.cancel()
        guard !state.withLock({ $0.isIdle }) else { return }
        throw NATSError.timedOut("flushing settlements", after: patience)
    }
}
