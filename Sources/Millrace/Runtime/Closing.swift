/// The end of something that may be asked to end more than once: the first who asks brings it about, and all others wait for it.
package final class Closing: Sendable {
    private let begun = Lock(false)
    private let over = Signal()

    package init() {}

    /// Whether somebody has asked.
    package var hasBegun: Bool { begun.withLock { $0 } }

    /// Runs `body`, or waits until it has run.
    package func run(_ body: () async -> Void) async {
        let isFirst = begun.withLock { begun in
            defer { begun = true }
            return !begun
        }
        guard isFirst else { return await over.waitUncancellably() }
        await body()
        over.fire()
    }
}
