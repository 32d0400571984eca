import Millrace

/// Tells a fetcher that there is room: a buffer needs to know whom to tell before there is one.
final class RoomSignal: Sendable {
    private struct Target {
        weak var fetcher: Fetcher?
    }

    private let target = Lock(Target())

    var fetcher: Fetcher? {
        get { target.withLock { $0.fetcher } }
        set { target.withLock { $0.fetcher = newValue } }
    }

    func fire() { fetcher?.roomAppeared() }
}
