/// Shuts the router down on a signal, and cancels its handlers on the next one. Takes the signals while the router runs, and
/// gives them back to what handled them before.
public final class SignalPlugin: RouterPlugin {
    private struct State {
        var tokens: [SignalCenter.Token] = []
        var count = 0
    }

    private let signals: [ProcessSignal]
    private let state = Lock(State())

    /// A plugin for the given signals.
    public init(_ signals: [ProcessSignal] = [.terminate, .interrupt]) { self.signals = signals }

    /// Takes the signals. Throws a ``MillraceError`` of code `invalidState` when the system refuses.
    public func start(_ router: Router) async throws {
        for signal in signals {
            let token = try SignalCenter.shared.take(signal.number) { [weak router, weak self] in self?.received(router) }
            state.withLock { $0.tokens.append(token) }
        }
    }

    /// Gives the signals back.
    public func stop(_ router: Router) async {
        let tokens = state.withLock { state in
            defer { state.tokens = [] }
            return state.tokens
        }
        for token in tokens { SignalCenter.shared.giveBack(token) }
    }

    private func received(_ router: Router?) {
        let count = state.withLock { state in
            state.count += 1
            return state.count
        }
        if count == 1 { router?.shutdown() } else { router?.cutOff() }
    }
}
