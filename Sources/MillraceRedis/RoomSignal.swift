import Millrace

/// Tells the reader that there is room again, once however often it is asked.
final class RoomSignal: @unchecked Sendable {
    // Safe to share: `reader` is set before anything is fetched.
    private let loop: EventLoop
    weak var reader: RedisReader?
    private let isSet = Lock(false)

    init(_ loop: EventLoop) { self.loop = loop }

    func fire() {
        let isFirst = isSet.withLock { isSet in
            defer { isSet = true }
            return !isSet
        }
        guard isFirst else { return }
        loop.execute { [self] in
            isSet.withLock { $0 = false }
            reader?.read()
        }
    }
}
