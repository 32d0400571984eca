import Millrace

/// Bounds how many messages are on their way: publishers beyond that wait, first come, first served.
public final class PublishGate: Sendable {
    private struct State {
        var used = 0
        var nextID: UInt64 = 0
        var waiting: [(id: UInt64, count: Int, continuation: CheckedContinuation<Void, any Error>)] = []
        var closed: (any Error)?
    }

    private let capacity: Int
    private let state = Lock(State())

    /// A gate that lets so many messages wait for their outcome at once.
    public init(capacity: Int) { self.capacity = capacity }

    /// Waits until there is room for `count` messages; more than fit at all go alone. Throws `CancellationError`, and what
    /// ``close(_:)`` was given.
    public func enter(_ count: Int) async throws {
        let id = try state.withLock { state -> UInt64? in
            if let closed = state.closed { throw closed }
            if state.waiting.isEmpty, state.used == 0 || state.used + count <= capacity {
                state.used += count
                return nil
            }
            state.nextID += 1
            return state.nextID
        }
        guard let id else { return }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let refusal = state.withLock { state -> (any Error)? in
                    if let closed = state.closed { return closed }
                    if Task.isCancelled { return CancellationError() }
                    state.waiting.append((id, count, continuation))
                    return nil
                }
                if let refusal { continuation.resume(throwing: refusal) } else { admit() }
            }
        } onCancel: {
            let continuation = state.withLock { state in
                state.waiting.firstIndex { $0.id == id }.map { state.waiting.remove(at: $0).continuation }
            }
            continuation?.resume(throwing: CancellationError())
            admit()
        }
    }

    /// `count` messages have arrived, or never will.
    public func leave(_ count: Int) {
        let mustAdmit = state.withLock { state in
            state.used -= count
            return !state.waiting.isEmpty
        }
        if mustAdmit { admit() }
    }

    /// Whether nothing is on its way.
    public var isEmpty: Bool { state.withLock { $0.used == 0 } }

    /// Refuses all who wait, and all who come.
    public func close(_ error: any Error) {
        let waiting = state.withLock { state in
            state.closed = error
            defer { state.waiting = [] }
            return state.waiting
        }
        for (_, _, continuation) in waiting { continuation.resume(throwing: error) }
    }

    private func admit() {
        let admitted = state.withLock { state in
            var admitted: [CheckedContinuation<Void, any Error>] = []
            while let first = state.waiting.first, state.used == 0 || state.used + first.count <= capacity {
                state.used += first.count
                admitted.append(state.waiting.removeFirst().continuation)
            }
            return admitted
        }
        for continuation in admitted { continuation.resume() }
    }
}
