import Millrace

/// Tells reader and keeper that there is room again, once however often it is asked.
final class RoomSignal: @unchecked Sendable {
    // Safe to share: `reader` and `keeper` are set before anything is fetched.
    private let loop: EventLoop
    weak var reader: RedisReader?
    weak var keeper: RedisKeeper?
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
            keeper?.roomAppeared()
            reader?.read()
        }
    }
}
