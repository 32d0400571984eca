public import Millrace

/// A saga, ready to be registered: see ``CQRS/saga(_:of:in:options:_:)``. Also looks into the store.
public struct SagaHandler<State: Codable & Sendable>: Sendable {
    /// Its name: that of its consumer group, and of its collection in the store.
    public let name: String
    let handlers: [CQRSHandler]
    let sagas: SagaRepository<State>
    /// What is to be found out before anything is registered.
    let check: @Sendable () throws -> Void

    /// Sagas that have not ended, the oldest first: those that hang, with an age that none should reach.
    ///
    /// - Parameters:
    ///   - age: How long ago they have begun, at least. Defaults to 0.
    ///   - limit: How many at most. Defaults to 100; at least 1.
    /// - Throws: What the store throws; `decodingFailed` for a state that can't be read.
    public func unfinished(olderThan age: Duration = .zero, limit: Int = 100) async throws -> [SagaInstance<State>] {
        // A saga that has begun in this very millisecond is one as well.
        let time = sagas.clock.unixMilliseconds - age.nanosecondsClamped / 1_000_000 + 1
        return try await sagas.store.list(name, StateQuery(createdBefore: time, limit: limit)).map(instance)
    }

    /// A saga, also one that has ended and is still remembered; nil when there is none. Throws what ``unfinished(olderThan:limit:)``
    /// throws.
    public func find(_ key: String) async throws -> SagaInstance<State>? {
        try await sagas.store.load(key, in: name).map(instance)
    }

    private func instance(_ stored: StoredState) throws -> SagaInstance<State> {
        let record = try sagas.read(stored)
        return SagaInstance(
            key: stored.key, state: record.state, isFinished: record.isFinished, startedAt: stored.createdAt,
            changedAt: stored.changedAt, pendingMessages: record.pending.count)
    }
}

/// A saga as its store has it.
public struct SagaInstance<State: Codable & Sendable>: Sendable {
    /// Which one it is.
    public let key: String
    /// Its state.
    public let state: State
    /// Whether it has ended.
    public let isFinished: Bool
    /// When it has begun, in milliseconds since 1970.
    public let startedAt: Int64
    /// When it was changed last, in milliseconds since 1970.
    public let changedAt: Int64
    /// How many messages it has made of which it is not known yet that they have left.
    public let pendingMessages: Int
}

extension SagaInstance: Equatable where State: Equatable {}

extension Router {
    /// Registers a saga; starts it when the router runs already. It has one handler for each topic that it reads: with several, their
    /// names are the saga's, a colon and the topic.
    ///
    /// Throws a `MillraceError`: `duplicateHandler` when a name is taken, or a command has a handler already; `invalidOption` for an
    /// option out of its bounds and a saga that can't work; and what `Router.consume` throws.
    public func register<State>(_ saga: SagaHandler<State>) throws {
        try saga.check()
        let taken = Set(describe().handlers.map(\.name))
        for handler in saga.handlers {
            guard !taken.contains(handler.name) else {
                throw MillraceError(.duplicateHandler, "there is a handler '\(handler.name)' already", isRetriable: false)
            }
            try handler.checkClaims()
        }
        for handler in saga.handlers { try register(handler) }
    }
}
