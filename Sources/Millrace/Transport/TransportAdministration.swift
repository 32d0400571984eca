/// A transport that can say what it is connected to, and remove topics: for tools and tests, which leave nothing behind.
public protocol TransportAdministration: Transport {
    /// Asks the broker what it is. The time that this takes is that of a round trip.
    ///
    /// Throws a ``MillraceError`` when there is no answer: `connectionFailed`, `closed`, ... Cancelling the task ends the wait.
    func broker() async throws -> BrokerInfo

    /// Removes a topic with all of its messages and consumer groups. Does nothing when there is none.
    ///
    /// Subscriptions to it are best closed before. Throws what the broker says.
    func remove(topic: String) async throws
}

/// What a broker says of itself.
public struct BrokerInfo: Sendable, Hashable, Codable {
    /// The name of the program: `Redis`.
    public let name: String
    /// Its version, as it states it.
    public let version: String

    /// A broker of some name and version.
    public init(name: String, version: String) {
        self.name = name
        self.version = version
    }
}
