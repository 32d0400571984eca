public import Millrace

/// A state store in a SQLite file: what a call has written outlives the process, as far as the transport's `synchronous` says.
///
/// Several processes of one machine may share the file. Writes of all tasks are committed together, and with what the transport
/// publishes.
///
/// ```swift
/// let store = try await SQLiteStateStore(path: "sagas.db")
/// ```
public final class SQLiteStateStore: StateStore {
    private let transport: SQLiteTransport
    private let ownsTransport: Bool

    /// The store in a transport's file, which is not closed.
    public init(on transport: SQLiteTransport) {
        self.transport = transport
        ownsTransport = false
    }

    /// The store in a file of its own, or one that is a transport's elsewhere. ``close()`` closes it. Throws what
    /// `SQLiteTransport.init` throws.
    public init(
        path: String, clock: any SchedulingClock = SystemClock.shared, observers: Observers = .standard
    ) async throws {
        transport = try await SQLiteTransport(path: path, clock: clock, observers: observers)
        ownsTransport = true
    }

    /// The value of a key. Throws a `MillraceError`: `closed`, and `connectionFailed` and others when SQLite refuses.
    public func load(_ key: String, in collection: String) async throws -> StoredState? {
        try await perform { store, now in try store.states.load(key, in: collection, at: now) }
    }

    /// Writes a value. Throws what ``load(_:in:)`` throws, `conflict` and `invalidOption`.
    @discardableResult
    public func save(
        _ value: [UInt8], for key: String, in collection: String, replacing version: Int64, expiresAt expiry: Int64?
    ) async throws -> StoredState {
        try check(key, in: collection)
        let outcome = try await perform { store, now in
            try store.states.save(value, for: key, in: collection, replacing: version, expiresAt: expiry, at: now)
        }
        return try outcome.result(of: key, in: collection, expected: version)
    }

    /// Removes a value. Throws what ``load(_:in:)`` throws, and `conflict`.
    public func remove(_ key: String, in collection: String, replacing version: Int64) async throws {
        let outcome = try await perform { store, now in
            try store.states.remove(key, in: collection, replacing: version, at: now)
        }
        try outcome.result(of: key, in: collection, expected: version)
    }

    /// Values of a collection. Throws what ``load(_:in:)`` throws, and `invalidOption`.
    public func list(_ collection: String, _ query: StateQuery) async throws -> [StoredState] {
        try query.validate()
        return try await perform { store, now in try store.states.list(collection, query, at: now) }
    }

    /// Closes the file, if it is the store's own.
    public func close() async { if ownsTransport { await transport.close() } }

    private func perform<Value: Sendable>(
        _ body: @escaping @Sendable (SQLiteStore, Int64) throws -> Value
    ) async throws -> Value {
        try transport.checkOpen()
        let clock = transport.core.clock
        return try await transport.core.perform { store in try body(store, clock.unixMilliseconds) }
    }
}

extension StateTable.Outcome {
    @discardableResult
    fileprivate func result(of key: String, in collection: String, expected: Int64) throws -> Value {
        switch self {
        case .done(let value): return value
        case .conflict(let found): throw MillraceError.conflict(key, in: collection, expected: expected, found: found)
        }
    }
}
