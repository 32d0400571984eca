/// Remembers which messages are handled, and which are being handled.
///
/// Calls for one key take effect one after the other, also from several processes if the store is shared. A store that can't
/// tell throws; the message then goes back to its transport.
public protocol DeduplicationStore: Sendable {
    /// Reserves a key for an owner, unless it is taken. An owner that has the reservation already gets it again.
    ///
    /// - Parameters:
    ///   - key: What tells messages apart.
    ///   - owner: Who handles the message; different for each delivery.
    ///   - lease: After this time the reservation is void, in case that the owner has died.
    func reserve(_ key: String, for owner: MessageID, lease: Duration) async throws -> DeduplicationAnswer

    /// The message is handled: the key is a duplicate's for `window` from now on, whoever has reserved it meanwhile.
    func commit(_ key: String, by owner: MessageID, keepFor window: Duration) async throws

    /// The message was not handled: ends the owner's reservation. Does nothing when the owner has none.
    func release(_ key: String, by owner: MessageID) async throws
}

/// What a store knows of a key.
public enum DeduplicationAnswer: String, Sendable, Codable, CaseIterable {
    /// It was free, and is the owner's now.
    case reserved
    /// Somebody else is handling the message.
    case inProgress
    /// The message has been handled.
    case duplicate
}
