/// A message with a Swift type: a ``DomainCommand`` or an ``DomainEvent``. Conform to one of those.
///
/// On the wire it has a name and a version that do not change when the code does: the name is that of the type, without its module
/// and the types around it, unless ``messageName`` says otherwise.
public protocol TypedMessage: Codable, Sendable {
    /// The name on the wire. Defaults to the name of the type. Set it before you rename a type whose messages are about.
    static var messageName: String { get }

    /// The version of the shape that this type has. Defaults to 1; at least 1. Raise it when older readers could not make sense
    /// of the new shape, and say with ``upcasters`` how older messages are read.
    static var messageVersion: Int { get }

    /// Names that messages of this type had before; they are read as well. Defaults to none.
    static var formerNames: [String] { get }

    /// How messages of older versions are read. Defaults to none.
    static var upcasters: [Upcaster<Self>] { get }

    /// What belongs together: messages with the same key keep their order. Defaults to none.
    var messageKey: String? { get }
}

extension TypedMessage {
    /// The name of the type, without its module and the types around it.
    public static var messageName: String { "\(Self.self)" }
    /// 1.
    public static var messageVersion: Int { 1 }
    /// None.
    public static var formerNames: [String] { [] }
    /// None.
    public static var upcasters: [Upcaster<Self>] { [] }
    /// None.
    public var messageKey: String? { nil }
}

/// A wish that something is done. Exactly one handler does it.
public protocol DomainCommand: TypedMessage {
    /// The errors that the handler may answer a request with. Their values cross the wire. Defaults to none.
    static var replyErrors: [any ReplyError.Type] { get }
}

extension DomainCommand {
    /// None.
    public static var replyErrors: [any ReplyError.Type] { [] }
}

/// A command whose handler answers with a value.
public protocol DomainRequest: DomainCommand {
    /// What the handler returns.
    associatedtype Reply: Codable & Sendable
}

/// A fact. Any number of handlers take note of it, each in its own time.
public protocol DomainEvent: TypedMessage {}
