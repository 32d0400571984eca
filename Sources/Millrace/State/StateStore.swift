/// Keeps small values by key, each with a version, so that two who change one at the same time notice.
///
/// Sagas live in it. Calls for one key take effect one after the other, also from several processes if the store is shared. What
/// a call has written is safe, as far as the store is durable, when it returns.
public protocol StateStore: Sendable {
    /// The value of a key; nil when there is none, or its time is over.
    ///
    /// Throws a ``MillraceError`` when the store can't tell.
    func load(_ key: String, in collection: String) async throws -> StoredState?

    /// Writes a value, if its version is still the one that the writer has seen.
    ///
    /// - Parameters:
    ///   - value: The bytes.
    ///   - key: By what it is found: 1 to 1,024 bytes of UTF-8.
    ///   - collection: Which keys belong together: 1 to 255 bytes of UTF-8.
    ///   - version: The version that is replaced; 0 when there is to be none.
    ///   - expiry: When the value is forgotten, in milliseconds since 1970; nil for never.
    /// - Returns: The value as it is now, with its new version.
    /// - Throws: A ``MillraceError``: `conflict` when the version is another one, `invalidOption` for a key or a collection out of
    ///   bounds, and what else keeps the store from writing. Cancelling the task does not undo a write that has begun.
    @discardableResult
    func save(
        _ value: [UInt8], for key: String, in collection: String, replacing version: Int64, expiresAt expiry: Int64?
    ) async throws -> StoredState

    /// Removes a value of a version. Throws a ``MillraceError``: `conflict` when the version is another one.
    func remove(_ key: String, in collection: String, replacing version: Int64) async throws

    /// Values of a collection, those that were made first in front. Throws a ``MillraceError`` when the store can't tell.
    func list(_ collection: String, _ query: StateQuery) async throws -> [StoredState]
}

/// A value that a ``StateStore`` keeps.
public struct StoredState: Sendable, Hashable {
    /// By what it is found.
    public let key: String
    /// The bytes.
    public let value: [UInt8]
    /// How often it was written; 1 for the first time.
    public let version: Int64
    /// When it was written first, in milliseconds since 1970.
    public let createdAt: Int64
    /// When it was written last, in milliseconds since 1970.
    public let changedAt: Int64
    /// When it is forgotten, in milliseconds since 1970; nil for never.
    public let expiresAt: Int64?

    /// A value with the given properties.
    public init(
        key: String, value: [UInt8], version: Int64, createdAt: Int64, changedAt: Int64, expiresAt: Int64? = nil
    ) {
        self.key = key
        self.value = value
        self.version = version
        self.createdAt = createdAt
        self.changedAt = changedAt
        self.expiresAt = expiresAt
    }
}

/// Which values of a collection are wanted.
public struct StateQuery: Sendable, Hashable {
    /// Only those made before this time, in milliseconds since 1970; nil, the default, for all.
    public var createdBefore: Int64?
    /// Also those that will be forgotten by themselves. Defaults to false.
    public var includesExpiring: Bool
    /// How many at most. Defaults to 100; at least 1.
    public var limit: Int

    /// A query with the given properties.
    public init(createdBefore: Int64? = nil, includesExpiring: Bool = false, limit: Int = 100) {
        self.createdBefore = createdBefore
        self.includesExpiring = includesExpiring
        self.limit = limit
    }

    /// Throws a ``MillraceError`` of code `invalidOption` that names the field, its value and its bound.
    public func validate() throws {
        guard limit >= 1 else { throw MillraceError.invalidOption("limit", limit, bound: "at least 1", of: "StateQuery") }
    }
}

extension StateStore {
    /// Throws a ``MillraceError`` of code `invalidOption` for a name that a store need not take.
    public func check(_ key: String, in collection: String) throws {
        guard 1...1_024 ~= key.utf8.count else {
            throw MillraceError.invalidOption("key", "of \(key.utf8.count) bytes", bound: "of 1 to 1,024 bytes", of: "StateStore")
        }
        guard 1...255 ~= collection.utf8.count else {
            throw MillraceError.invalidOption(
                "collection", "of \(collection.utf8.count) bytes", bound: "of 1 to 255 bytes", of: "StateStore")
        }
    }
}

extension MillraceError {
    /// Somebody else has changed a value meanwhile. Reading it again, and trying again, can help.
    public static func conflict(_ key: String, in collection: String, expected: Int64, found: Int64) -> MillraceError {
        MillraceError(
            .conflict, "'\(key.prefix(200))' in '\(collection)' has version \(found), expected was \(expected)", isRetriable: true
        )
    }
}
