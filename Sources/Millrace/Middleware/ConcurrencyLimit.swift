/// Limits how many messages are handled at the same time, over all handlers that share the instance.
///
/// With a key, each key has a limit of its own. Who comes too late waits, in the order of arrival, and holds its worker
/// meanwhile: give the handlers more concurrency than one key may use. Waiting ends with the task: a shutdown is not delayed.
///
/// What is kept for a key is dropped when nobody uses it, so that there are never more keys than messages being handled.
public struct ConcurrencyLimit: Middleware {
    private var limit: Int
    private let key: (@Sendable (Message) -> String?)?
    private var permits: Permits

    /// A limit.
    ///
    /// - Parameters:
    ///   - limit: How many messages at the same time, for each key; at least 1.
    ///   - key: What a message is counted under; nil for a message that is not limited. Defaults to one limit for all.
    public init(_ limit: Int, by key: (@Sendable (Message) -> String?)? = nil) {
        self.limit = limit
        self.key = key
        permits = Permits(max(1, limit))
    }

    /// Waits for its turn, then handles the message.
    public func handle(_ message: Message, _ context: HandlerContext, next: NextHandler) async throws -> Outputs {
        var name = ""
        if let key {
            guard let found = key(message) else { return try await next(message, context) }
            name = found
        }
        try await permits.take(name)
        defer { permits.giveBack(name) }
        return try await next(message, context)
    }

    /// How many keys there is something kept for.
    var keyCount: Int { permits.count }

    func validate(for handler: String) throws {
        guard limit >= 1 else {
            throw MillraceError.invalidOption(
                "limit", limit, bound: "at least 1", of: "handler '\(handler)': ConcurrencyLimit")
        }
    }
}

/// Permits by name: so many at a time for each, the rest wait in the order of their arrival.
final class Permits: Sendable {
    private typealias Continuation = CheckedContinuation<Void, any Error>

    private struct Place {
        var taken = 0
        /// Who waits, in order.
        var waiting: [(id: UInt64, continuation: Continuation)] = []
    }

    private struct State {
        var places: [String: Place] = [:]
        var nextID: UInt64 = 0
    }

    private let limit: Int
    private let state = Lock(State())

    init(_ limit: Int) { self.limit = limit }

    /// How many names are in use.
    var count: Int { state.withLock { $0.places.count } }

    /// How many wait for a permit of a name.
    func waitingCount(_ name: String) -> Int { state.withLock { $0.places[name]?.waiting.count ?? 0 } }

    /// Takes a permit, as soon as there is one. Throws `CancellationError` when the task is cancelled before that.
    func take(_ name: String) async throws {
        try Task.checkCancellation()
        let id = state.withLock { state -> UInt64? in
            if state.places[name, default: Place()].taken < limit {
                state.places[name, default: Place()].taken += 1
                return nil
            }
            state.nextID += 1
            return state.nextID
        }
        guard let id else { return }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (continuation: Continuation) in
                enum Admission { case wait, taken, cancelled }
                let admission = state.withLock { state -> Admission in
                    // Cancelled before it was registered: onCancel has run already and found nothing.
                    if Task.isCancelled { return .cancelled }
                    var place = state.places[name] ?? Place()
                    defer { state.places[name] = place }
                    if place.taken < limit {
                        place.taken += 1
                        return .taken
                    }
                    place.waiting.append((id, continuation))
                    return .wait
                }
                switch admission {
                case .wait: break
                case .taken: continuation.resume()
                case .cancelled: continuation.resume(throwing: CancellationError())
                }
            }
        } onCancel: {
            let continuation = state.withLock { state -> Continuation? in
                guard let index = state.places[name]?.waiting.firstIndex(where: { $0.id == id }) else { return nil }
                return state.places[name]?.waiting.remove(at: index).continuation
            }
            continuation?.resume(throwing: CancellationError())
        }
    }

    /// Gives a permit back; the first who waits has it next.
    func giveBack(_ name: String) {
        let next = state.withLock { state -> Continuation? in
            guard var place = state.places[name] else { return nil }
            if !place.waiting.isEmpty {
                let next = place.waiting.removeFirst().continuation
                state.places[name] = place
                return next
            }
            place.taken -= 1
            state.places[name] = place.taken == 0 ? nil : place
            return nil
        }
        next?.resume()
    }
}

extension ConcurrencyLimit: ConfigurableMiddleware {
    /// Takes `limit`. The permits are new ones.
    public mutating func configure(_ section: inout ConfigurationSection) throws {
        guard let limit = try section.takeNumber("limit") else { return }
        self = ConcurrencyLimit(limit, by: key)
    }
}
