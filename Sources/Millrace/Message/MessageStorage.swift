/// Everything about a message except the payload's bytes.
@usableFromInline struct MessageHeader {
    @usableFromInline var idHigh: UInt64
    @usableFromInline var idLow: UInt64
    @usableFromInline var key: String?
    @usableFromInline var metadata: Metadata
    /// The payload's bytes when they lie outside the object; nil when they follow the header.
    @usableFromInline var external: UnsafeRawPointer?
    @usableFromInline var count: Int
    /// What few messages have.
    @usableFromInline var extras: MessageExtras?
}

/// What few messages have: kept apart so that the others do not pay for it.
@usableFromInline final class MessageExtras {
    /// The text of an id that is not a UUID.
    @usableFromInline let foreignID: String?
    /// Keeps the header's `external` bytes alive.
    @usableFromInline let owner: AnyObject?

    init(foreignID: String?, owner: AnyObject?) {
        self.foreignID = foreignID
        self.owner = owner
    }

    static func make(foreignID: String?, owner: AnyObject? = nil) -> MessageExtras? {
        foreignID == nil && owner == nil ? nil : MessageExtras(foreignID: foreignID, owner: owner)
    }
}

/// One allocation holds header and payload, so that making a message is one `malloc` and copying it one retain.
@usableFromInline final class MessageStorage: ManagedBuffer<MessageHeader, UInt8> {
    /// An object with room for `capacity` bytes of payload, none of them written.
    static func make(
        id: MessageID, key: String?, metadata: Metadata, capacity: Int
    ) -> MessageStorage {
        let high = id.high
        let low = id.low
        let extras = MessageExtras.make(foreignID: id.foreign)
        let buffer = MessageStorage.create(minimumCapacity: capacity) { _ in
            MessageHeader(
                idHigh: high, idLow: low, key: key, metadata: metadata, external: nil, count: capacity, extras: extras)
        }
        return unsafeDowncast(buffer, to: MessageStorage.self)
    }

    /// Raw access instead of the `header` property: a class's stored properties are checked for exclusivity at run time.
    @inlinable @inline(__always) var pointer: UnsafeMutablePointer<MessageHeader> {
        withUnsafeMutablePointerToHeader { $0 }
    }

    @inlinable @inline(__always)
    func withBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        try withUnsafeMutablePointers { header, elements in
            try body(
                UnsafeRawBufferPointer(
                    start: header.pointee.external ?? UnsafeRawPointer(elements), count: header.pointee.count))
        }
    }
}
