import Millrace
import Synchronization

/// Lets one publish call wait until all copies of all its messages are done.
final class PublishLatch: Sendable {
    /// One for each message of the call.
    let receipts: [PublishReceipt]
    private let count: CopyCount

    init(messages: Int) {
        let count = CopyCount()
        self.count = count
        receipts = (0..<messages).map { _ in PublishReceipt(count) }
    }

    /// Waits, and returns the messages that are not done by the time the task is cancelled or the transport is closed.
    func wait() async -> [MillraceError.PublishFailure] {
        count.remove(1)
        var isCancelled = false
        do { try await count.none.wait() } catch { isCancelled = true }
        return receipts.enumerated().compactMap { index, receipt in
            if receipt.isLost { return .init(index: index, error: TopicRegistry.closedError()) }
            return isCancelled && !receipt.isDone ? .init(index: index, error: CancellationError()) : nil
        }
    }
}

/// What becomes of one message whose publisher waits.
final class PublishReceipt: Sendable {
    private let open = Atomic<Int>(0)
    private let lost = Atomic<Bool>(false)
    private let count: CopyCount

    fileprivate init(_ count: CopyCount) { self.count = count }

    /// So many groups got the message.
    func expect(_ copies: Int) {
        open.add(copies, ordering: .relaxed)
        count.add(copies)
    }

    /// A group is done with the message.
    func countDown() {
        open.subtract(1, ordering: .releasing)
        count.remove(1)
    }

    /// The transport was closed before a group was done with the message.
    func lose() {
        lost.store(true, ordering: .releasing)
        count.remove(1)
    }

    fileprivate var isDone: Bool { open.load(ordering: .acquiring) == 0 }
    fileprivate var isLost: Bool { lost.load(ordering: .acquiring) }
}

/// How many copies of a call's messages are neither done nor lost.
private final class CopyCount: Sendable {
    // Starts at one for the publisher itself, so that it can't reach zero while messages are still being handed over.
    private let open = Atomic<Int>(1)
    let none = Signal()

    func add(_ copies: Int) { open.add(copies, ordering: .relaxed) }

    func remove(_ copies: Int) {
        if open.subtract(copies, ordering: .acquiringAndReleasing).newValue == 0 { none.fire() }
    }
}
