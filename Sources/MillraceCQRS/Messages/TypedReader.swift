import Millrace

/// Reads messages of one type, of any version that it knows.
struct TypedReader<Value: TypedMessage>: Sendable {
    private let name = Value.messageName
    private let formerNames = Set(Value.formerNames)
    private let version = Value.messageVersion
    private let upcasters = Dictionary(Value.upcasters.map { ($0.version, $0) }) { $1 }
    private let codecs: any CodecFamily

    init(_ codecs: any CodecFamily) { self.codecs = codecs }

    /// Whether a name is this type's, of today or before.
    func accepts(_ name: String?) -> Bool {
        guard let name else { return false }
        return name == self.name || !formerNames.isEmpty && formerNames.contains(name)
    }

    /// The value of a message whose name is accepted. Throws an ``Unreadable``.
    func read(_ message: Message) throws -> Value {
        guard let text = message.metadata[MetadataKey.messageVersion] else { return try read(message, version: 1) }
        guard let version = Int(text) else {
            throw Unreadable(.version, message, "its version '\(text.prefix(40))' is not a number")
        }
        return try read(message, version: version)
    }

    private func read(_ message: Message, version: Int) throws -> Value {
        do {
            if version == self.version { return try message.decode(as: Value.self, by: codecs) }
            if let upcaster = upcasters[version] { return try upcaster.read(message, codecs) }
        } catch {
            throw Unreadable(.payload, message, "it can't be read as '\(name)' of version \(version)", error)
        }
        let known = (upcasters.keys + [self.version]).sorted().map { "\($0)" }.joined(separator: ", ")
        throw Unreadable(.version, message, "it is a '\(name)' of version \(version); known are: \(known)")
    }

    /// Throws a `MillraceError` of code `invalidOption`.
    func validate() throws {
        let subject = "message '\(name)'"
        guard !name.isEmpty else {
            throw MillraceError.invalidOption("messageName", "''", bound: "at least 1 byte long", of: "\(Value.self)")
        }
        guard version >= 1 else {
            throw MillraceError.invalidOption("messageVersion", version, bound: "at least 1", of: subject)
        }
        for upcaster in Value.upcasters where upcaster.version < 1 || upcaster.version >= version {
            throw MillraceError.invalidOption(
                "an upcaster's version", upcaster.version, bound: "1 to \(version - 1), older than the type's", of: subject)
        }
        guard Value.upcasters.count == upcasters.count else {
            throw MillraceError.invalidOption(
                "upcasters", Value.upcasters.count, bound: "\(upcasters.count), one for each older version", of: subject)
        }
    }
}

/// A ``TypedReader`` whose type is not stated.
struct AnyReader: Sendable {
    let check: @Sendable () throws -> Void
    let read: @Sendable (Message) throws -> any TypedMessage

    init<Value: TypedMessage>(_ reader: TypedReader<Value>) {
        check = { try reader.validate() }
        read = { try reader.read($0) }
    }
}

/// Why a message can't be handed to its handler.
struct Unreadable: Error {
    enum Reason { case name, version, payload }

    let reason: Reason
    let error: MillraceError

    init(_ reason: Reason, _ message: Message, _ text: String, _ underlying: (any Error)? = nil) {
        self.reason = reason
        error = MillraceError(
            reason == .payload ? .decodingFailed : .unknownMessage, "message \(message.id): \(text)", underlying: underlying,
            isRetriable: false)
    }
}
