import Synchronization

/// Does something when it has been counted down to zero.
final class Countdown: Sendable {
    private let left: Mutex<Int>
    private let action: @Sendable () -> Void

    init(from count: Int, then action: @escaping @Sendable () -> Void) {
        left = Mutex(count)
        self.action = action
    }

    func countDown() {
        let isDone = left.withLock { left in
            left -= 1
            return left == 0
        }
        if isDone { action() }
    }
}
