import Foundation
import Millrace
import MillraceTesting

@testable import MillraceOTLP

/// Takes requests in a collector's place and answers as it is told.
final class ScriptedCollector: Sendable {
    enum Step: Sendable {
        case reply(OTLPReply)
        case unreachable
        /// Until the request is cancelled.
        case hang
    }

    struct Unreachable: Error {}

    private let steps: Lock<[Step]>
    private let received = Lock<[Data]>([])
    private let requests = MemoryBell()

    /// Answers 200 when it has no more steps.
    init(_ steps: Step...) { self.steps = Lock(steps) }

    /// The spans' names of each request so far.
    var batches: [[String]] { received.withLock { $0 }.map { TraceRequest($0)?.spans.map(\.name) ?? ["unreadable"] } }

    /// Waits until so many requests have come.
    func waitForRequests(_ count: Int) async throws { try await requests.wait(for: count) }

    func post(_ body: Data) async throws -> OTLPReply {
        received.withLock { $0.append(body) }
        let step = steps.withLock { $0.isEmpty ? nil : $0.removeFirst() }
        requests.ring()
        switch step {
        case .reply(let reply): return reply
        case .unreachable: throw Unreachable()
        case .hang:
            try await Signal().wait()
            return OTLPReply(status: 200)
        case nil: return OTLPReply(status: 200, body: Data("{}".utf8))
        }
    }
}

/// Counts, and lets a test wait for a count.
final class MemoryBell: Sendable {
    private struct State {
        var count = 0
        var waiters: [(count: Int, signal: Signal)] = []
    }

    private let state = Lock(State())

    func ring() {
        let ready = state.withLock { state in
            state.count += 1
            let count = state.count
            defer { state.waiters.removeAll { $0.count <= count } }
            return state.waiters.filter { $0.count <= count }
        }
        for waiter in ready { waiter.signal.fire() }
    }

    func wait(for count: Int) async throws {
        let signal = Signal()
        let isThere = state.withLock { state in
            if state.count < count { state.waiters.append((count, signal)) }
            return state.count >= count
        }
        if !isThere { try await withTimeLimit(.seconds(60), "request \(count)") { try await signal.wait() } }
    }
}

extension OTLPExporter {
    /// Flushes, and throws when that hangs.
    func flushed(within limit: Duration? = nil) async throws -> Bool {
        try await withTimeLimit(.seconds(60), "the flush") { await self.flush(within: limit) }
    }
}
