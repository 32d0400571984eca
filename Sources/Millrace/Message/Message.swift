/// What travels: an id, an optional key, metadata, and a payload of bytes.
///
/// A message is a value. Copying it costs one retain; changing a copy leaves the original as it was. The payload is fixed
/// when the message is made.
public struct Message: @unchecked Sendable {
    // Safe to share: storage is written only while it is uniquely referenced.
    @usableFromInline var storage: MessageStorage

    @inlinable init(_ storage: MessageStorage) { self.storage = storage }

    /// A message whose payload is a copy of `bytes`.
    public init(
        id: MessageID = .next(), copying bytes: UnsafeRawBufferPointer, key: String? = nil, metadata: Metadata = .init()
    ) {
        storage = MessageStorage.make(id: id, key: key, metadata: metadata, capacity: bytes.count)
        guard let base = bytes.baseAddress else { return }
        storage.withUnsafeMutablePointerToElements {
            UnsafeMutableRawPointer($0).copyMemory(from: base, byteCount: bytes.count)
        }
    }

    /// A message whose payload is a copy of an array's bytes.
    @inlinable public init(
        id: MessageID = .next(), payload: [UInt8], key: String? = nil, metadata: Metadata = .init()
    ) {
        self = payload.withUnsafeBytes { Message(id: id, copying: $0, key: key, metadata: metadata) }
    }

    /// A message whose payload is that of another message; the bytes are shared, not copied, when they are large.
    public init(id: MessageID = .next(), payload: Payload, key: String? = nil, metadata: Metadata = .init()) {
        let source = payload.storage
        guard payload.count > Self.sharedPayloadMinimum else {
            self = payload.withUnsafeBytes { Message(id: id, copying: $0, key: key, metadata: metadata) }
            return
        }
        self = payload.withUnsafeBytes { bytes in
            let owner = source.pointer.pointee.extras?.owner ?? source
            return Message(id: id, borrowing: bytes, owner: owner, key: key, metadata: metadata)
        }
    }

    /// A message whose payload is the UTF-8 form of `text`.
    @inlinable public init(
        id: MessageID = .next(), text: String, key: String? = nil, metadata: Metadata = .init()
    ) {
        var text = text
        self = text.withUTF8 { Message(id: id, copying: UnsafeRawBufferPointer($0), key: key, metadata: metadata) }
    }

    /// A message whose payload `initialize` writes in place, without a copy.
    ///
    /// - Parameters:
    ///   - id: The identity. Defaults to a new one.
    ///   - key: What belongs together. Defaults to none.
    ///   - metadata: Keys and values beside the payload. Defaults to none.
    ///   - capacity: How many bytes there is room for; at least 0.
    ///   - initialize: Writes from the start of the memory that it is given and returns how many bytes it wrote.
    public init(
        id: MessageID = .next(), key: String? = nil, metadata: Metadata = .init(), unsafeUninitializedCapacity capacity: Int,
        initializingWith initialize: (UnsafeMutableRawBufferPointer) throws -> Int
    ) rethrows {
        storage = MessageStorage.make(id: id, key: key, metadata: metadata, capacity: capacity)
        try storage.withUnsafeMutablePointers { header, elements in
            let written = try initialize(UnsafeMutableRawBufferPointer(start: elements, count: capacity))
            precondition(written >= 0 && written <= capacity, "wrote more bytes than there was room for")
            header.pointee.count = written
        }
    }

    /// A message whose payload stays where it is, in memory that `owner` keeps alive: a C client's buffer, for example.
    ///
    /// Worth it from a few kilobytes on; smaller payloads are cheaper to copy. The bytes must not change any more.
    public init(
        id: MessageID = .next(), borrowing bytes: UnsafeRawBufferPointer, owner: AnyObject, key: String? = nil,
        metadata: Metadata = .init()
    ) {
        storage = MessageStorage.make(id: id, key: key, metadata: metadata, capacity: 0)
        let header = storage.pointer
        header.pointee.external = bytes.baseAddress
        header.pointee.count = bytes.count
        header.pointee.extras = MessageExtras(foreignID: id.foreign, owner: owner)
    }

    /// Payloads above this many bytes are shared between messages, smaller ones copied.
    private static var sharedPayloadMinimum: Int { 1024 }
}

extension Message {
    /// The identity of the message.
    public var id: MessageID {
        get {
            let header = storage.pointer
            return MessageID(
                high: header.pointee.idHigh, low: header.pointee.idLow, foreign: header.pointee.extras?.foreignID)
        }
        set {
            makeUnique()
            let header = storage.pointer
            header.pointee.idHigh = newValue.high
            header.pointee.idLow = newValue.low
            let owner = header.pointee.extras?.owner
            header.pointee.extras = MessageExtras.make(foreignID: newValue.foreign, owner: owner)
        }
    }

    /// What belongs together: messages with the same key keep their order, and transports with partitions
    /// put them into the same one. Nil for a message that stands alone.
    @inlinable public var key: String? {
        get { storage.pointer.pointee.key }
        set {
            makeUnique()
            storage.pointer.pointee.key = newValue
        }
    }

    /// Keys and values beside the payload.
    @inlinable public var metadata: Metadata {
        get { storage.pointer.pointee.metadata }
        _modify {
            makeUnique()
            defer { withExtendedLifetime(storage) {} }
            yield &storage.pointer.pointee.metadata
        }
    }

    /// The bytes.
    @inlinable public var payload: Payload { Payload(storage) }

    /// Whether it takes little memory and owns nobody else's, so that it does no harm to let go of it later.
    package var isSmall: Bool {
        let header = storage.pointer
        return header.pointee.count <= 256 && header.pointee.extras == nil && header.pointee.metadata.count <= 8
    }

    @inlinable @inline(__always) mutating func makeUnique() {
        if !isKnownUniquelyReferenced(&storage) { copyStorage() }
    }

    @inline(never) @usableFromInline mutating func copyStorage() {
        self = Message(id: id, payload: payload, key: key, metadata: metadata)
    }
}

extension Message: Hashable {
    /// Whether id, key, metadata and payload are the same.
    public static func == (left: Message, right: Message) -> Bool {
        left.storage === right.storage
            || left.id == right.id && left.key == right.key && left.payload == right.payload
                && left.metadata == right.metadata
    }

    /// Hashes the id, which all but tells messages apart.
    public func hash(into hasher: inout Hasher) { hasher.combine(id) }
}

extension Message: CustomStringConvertible {
    /// The id, the key and the size; never the content.
    public var description: String {
        "Message(\(id)\(key.map { ", key: \($0)" } ?? ""), \(payload.count) bytes)"
    }
}
