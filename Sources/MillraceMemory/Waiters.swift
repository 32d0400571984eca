/// Suspended tasks, in the order in which they came.
struct Waiters: Sendable {
    typealias Continuation = UnsafeContinuation<Void, Never>
    private var parked: ContiguousArray<(id: UInt64, owner: UInt32, continuation: Continuation)> = []

    var isEmpty: Bool { parked.isEmpty }

    mutating func add(_ id: UInt64, owner: UInt32 = 0, _ continuation: Continuation) {
        parked.append((id, owner, continuation))
    }

    mutating func remove(_ id: UInt64) -> Continuation? {
        guard let index = parked.firstIndex(where: { $0.id == id }) else { return nil }
        return parked.remove(at: index).continuation
    }

    /// Takes the one that came last: its stack is still warm.
    mutating func removeLast() -> Continuation? { parked.popLast()?.continuation }

    mutating func removeAll(of owner: UInt32) -> [Continuation] {
        let removed = parked.filter { $0.owner == owner }.map(\.continuation)
        parked.removeAll { $0.owner == owner }
        return removed
    }

    mutating func removeAll() -> [Continuation] {
        defer { parked.removeAll(keepingCapacity: true) }
        return parked.map(\.continuation)
    }
}

/// Tasks to resume once the lock is released; the first one without an allocation.
struct Wakeups: Sendable {
    private var first: Waiters.Continuation?
    private var others: [Waiters.Continuation] = []

    mutating func add(_ continuation: Waiters.Continuation) {
        if first == nil { first = continuation } else { others.append(continuation) }
    }

    mutating func add(_ continuations: [Waiters.Continuation]) {
        for continuation in continuations { add(continuation) }
    }

    @inline(__always)
    func resume() {
        guard let first else { return }
        first.resume()
        for continuation in others { continuation.resume() }
    }
}
