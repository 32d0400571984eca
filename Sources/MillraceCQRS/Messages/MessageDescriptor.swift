/// What is known of a type of message without its Swift type.
public struct MessageDescriptor: Sendable, Hashable {
    /// What a message is for.
    public enum Kind: String, Sendable, Hashable, CaseIterable {
        /// Something is to be done.
        case command
        /// Something has happened.
        case event
    }

    /// Whether it is a command or an event.
    public let kind: Kind
    /// Its name on the wire.
    public let name: String
    /// The version that this process writes.
    public let version: Int

    /// A description with the given values.
    public init(kind: Kind, name: String, version: Int) {
        self.kind = kind
        self.name = name
        self.version = version
    }

    init(_ type: any TypedMessage.Type) {
        self.init(kind: type is any DomainCommand.Type ? .command : .event, name: type.messageName, version: type.messageVersion)
    }
}
