import Millrace
import Synchronization

/// Lets one publish call wait until all copies of all its messages are done.
final class PublishLatch: Sendable {
    // Starts at one for the publisher itself, so that it can't fire while messages are still being handed over.
    private let open = Atomic<Int>(1)
    private let done = Signal()

    func expect(_ copies: Int) { open.add(copies, ordering: .relaxed) }

    func countDown() {
        if open.subtract(1, ordering: .acquiringAndReleasing).newValue == 0 { done.fire() }
    }

    func wait() async throws {
        countDown()
        try await done.wait()
    }
}
