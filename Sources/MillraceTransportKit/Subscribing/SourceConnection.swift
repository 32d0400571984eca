import Millrace

/// Whether a source answers, as observers are told: once when it stops, once when it is back.
final class SourceConnection: Sendable {
    private let system: String
    private let observers: AttachableObservers
    private let isDown = Lock(false)
    private let random = RandomSource(seed: MessageID.next().low)
    private let backoff = Backoff.exponential(from: .milliseconds(50), upTo: .seconds(5))

    init(_ system: String, _ observers: AttachableObservers) {
        self.system = system
        self.observers = observers
    }

    func works() {
        let wasDown = isDown.withLock { isDown in
            defer { isDown = false }
            return isDown
        }
        if wasDown { observers.report(.info, .connected(transport: system)) }
    }

    func failed(_ error: any Error) {
        let wasDown = isDown.withLock { isDown in
            defer { isDown = true }
            return isDown
        }
        if !wasDown { observers.report(.warning, .disconnected(transport: system, error: error)) }
    }

    /// How long to wait before the next try.
    func delay(after failures: Int) -> Duration { backoff.delay(after: failures, random: random) }
}
