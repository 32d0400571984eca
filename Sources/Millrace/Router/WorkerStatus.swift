import Synchronization

/// Numbers and flags that workers write and everyone may read.
final class WorkerStatus: Sendable {
    /// Set when nothing new is to be begun.
    let isStopping = Atomic<Bool>(false)
    /// How many deliveries are with workers that were given up; what those still do has no effect.
    let abandoned = Atomic<Int>(0)
    let handled = Atomic<Int>(0)
    let failed = Atomic<Int>(0)
    private let error = Lock<(any Error)?>(nil)

    func noteFailure(_ error: any Error) {
        failed.add(1, ordering: .relaxed)
        self.error.withLock { $0 = error }
    }

    var lastError: (any Error)? { error.withLock { $0 } }
}
