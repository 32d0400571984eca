import Millrace

/// Requests that wait for their answers.
final class NATSRequests: Sendable {
    typealias Done = @Sendable (Result<NATSReply, MillraceError>) -> Void

    private struct Waiting: Sendable {
        let done: Done
        let decodes: Bool
        var timer: ScheduledTimer?
    }

    private struct State {
        var next: UInt64 = 0
        var waiting: [UInt64: Waiting] = [:]
    }

    private let state = Lock(State())
    private let clock: any SchedulingClock

    init(clock: any SchedulingClock) { self.clock = clock }

    /// Notes a request and returns its number. `done` is called once, on any thread.
    func add(_ what: String, timeout: Duration, decodes: Bool = false, _ done: @escaping Done) -> UInt64 {
        let number = state.withLock { state in
            state.next += 1
            state.waiting[state.next] = Waiting(done: done, decodes: decodes, timer: nil)
            return state.next
        }
        let timer = clock.schedule(after: timeout) { [weak self] in
            self?.end(number, .failure(NATSError.timedOut(what, after: timeout)))
        }
        let isWaiting = state.withLock { state in
            state.waiting[number]?.timer = timer
            return state.waiting[number] != nil
        }
        if !isWaiting { timer.cancel() }
        return number
    }

    /// An answer has come.
    func answer(_ number: UInt64, _ message: NATSMessage) {
        guard let decodes = state.withLock({ $0.waiting[number]?.decodes }) else { return }
        end(number, .success(NATSReply(message, decoding: decodes)))
    }

    func end(_ number: UInt64, _ result: Result<NATSReply, MillraceError>) {
        guard let waiting = state.withLock({ $0.waiting.removeValue(forKey: number) }) else { return }
        waiting.timer?.cancel()
        waiting.done(result)
    }

    /// No answer will come to any of them.
    func endAll(_ error: MillraceError) {
        let all = state.withLock { state in
            defer { state.waiting = [:] }
            return state.waiting
        }
        for waiting in all.values {
            waiting.timer?.cancel()
            waiting.done(.failure(error))
        }
    }
}
