#if !DEBUG
package import Synchronization
#elseif canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// A lock around the state it guards.
package struct Lock<State>: ~Copyable, @unchecked Sendable {
    // Safe to share: `state` is touched only between lock and unlock.
    private let lock = RawLock()
    private let state: UnsafeMutablePointer<State>

    package init(_ state: consuming sending State) {
        self.state = .allocate(capacity: 1)
        self.state.initialize(to: state)
    }

    deinit {
        state.deinitialize(count: 1)
        state.deallocate()
    }

    package borrowing func withLock<Result, Failure: Error>(
        _ body: (inout State) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        lock.lock()
        defer { lock.unlock() }
        return try body(&state.pointee)
    }
}

/// A lock for state that lies elsewhere. Not recursive.
///
/// Not generic, because generic code is not specialised across modules: a transport's hot path brings its own state.
/// Debug builds use a pthread mutex, because thread sanitizer sees it; the standard library's `Mutex` is not instrumented,
/// and every access that it guards would be reported.
package struct RawLock: ~Copyable, @unchecked Sendable {
    #if DEBUG
    // Safe to share: the C library says so.
    private let handle: UnsafeMutablePointer<pthread_mutex_t>

    package init() {
        handle = .allocate(capacity: 1)
        pthread_mutex_init(handle, nil)
    }

    deinit {
        pthread_mutex_destroy(handle)
        handle.deallocate()
    }

    package func lock() { pthread_mutex_lock(handle) }
    package func unlock() { pthread_mutex_unlock(handle) }
    #else
    @usableFromInline let mutex = Mutex(())

    package init() {}

    @inlinable @inline(__always) package func lock() { mutex._unsafeLock() }
    @inlinable @inline(__always) package func unlock() { mutex._unsafeUnlock() }
    #endif
}
