import Millrace

/// Has an event loop do something once, however often it is asked before that.
public final class LoopSignal: @unchecked Sendable {
    // Safe to share: `action` is set before anybody fires.
    private let loop: EventLoop
    private let isSet = Lock(false)
    /// Runs on the loop.
    public var action: (@Sendable () -> Void)?

    /// A signal for a loop; set ``action`` before it is fired.
    public init(_ loop: EventLoop) { self.loop = loop }

    /// May be called from any thread.
    public func fire() {
        let isFirst = isSet.withLock { isSet in
            defer { isSet = true }
            return !isSet
        }
        guard isFirst else { return }
        loop.execute { [self] in
            isSet.withLock { $0 = false }
            action?()
        }
    }
}
