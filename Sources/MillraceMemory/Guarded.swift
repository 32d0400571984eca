import Millrace

/// A lock around the state it guards, for the hot paths of this module.
///
/// Lock and state lie together in cache lines of their own: whoever takes the lock gets the state with it, and what lies
/// beside them in an object can be read while another core holds them. No run-time exclusivity check stands in the way there
/// either, and the type is declared in the module that uses it, so that the compiler specialises it.
struct Guarded<State: ~Copyable>: ~Copyable, @unchecked Sendable {
    // Safe to share: `state` is touched between lock and unlock only.
    private let lock: UnsafeMutablePointer<RawLock>
    private let state: UnsafeMutablePointer<State>

    init(_ state: consuming State) {
        let alignment = max(MemoryLayout<RawLock>.alignment, MemoryLayout<State>.alignment)
        let offset = (MemoryLayout<RawLock>.size + alignment - 1) / alignment * alignment
        let memory = UnsafeMutableRawPointer.allocateCacheLines(for: offset + MemoryLayout<State>.size)
        lock = memory.bindMemory(to: RawLock.self, capacity: 1)
        lock.initialize(to: RawLock())
        self.state = (memory + offset).bindMemory(to: State.self, capacity: 1)
        self.state.initialize(to: state)
    }

    deinit {
        state.deinitialize(count: 1)
        lock.deinitialize(count: 1)
        lock.deallocate()
    }

    /// Calls `body` with the state under the lock. Not to be nested for one object.
    @inline(__always)
    borrowing func locked<Result>(_ body: (inout State) throws -> Result) rethrows -> Result {
        lock.pointee.lock()
        defer { lock.pointee.unlock() }
        return try body(&state.pointee)
    }
}

extension UnsafeMutableRawPointer {
    /// Memory that shares no cache line, nor a pair of lines that is fetched together, with anything else.
    static func allocateCacheLines(for size: Int) -> Self {
        .allocate(byteCount: (size + 127) & ~127, alignment: 128)
    }
}
