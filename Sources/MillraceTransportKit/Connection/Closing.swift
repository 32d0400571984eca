import Millrace

/// The end of something that may be asked to end more than once: the first who asks brings it about, and all others wait for it.
public final class Closing: Sendable {
    private let begun = Lock(false)
    private let over = Signal()

    /// Nothing is closed yet.
    public init() {}

    /// Whether somebody has asked.
    public var hasBegun: Bool { begun.withLock { $0 } }

    /// Runs `body`, or waits until it has run.
    public func run(_ body: () async -> Void) async {
        let isFirst = begun.withLock { begun in
            defer { begun = true }
            return !begun
        }
        guard isFirst else { return await over.waitUncancellably() }
        await body()
        over.fire()
    }
}
