import CNATS
import Millrace

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// A message as NATS carries it, and back: the layout of Watermill, so that Go and Swift services share topics.
///
/// | Part                              | Value                                                           |
/// | --------------------------------- | --------------------------------------------------------------- |
/// | body                              | the payload                                                     |
/// | header `_watermill_message_uuid`  | the id as text                                                  |
/// | header `millrace-key`             | the key; none without one                                       |
/// | other headers                     | the metadata, one header for each key, in UTF-8                 |
/// | header `millrace-encoded`         | what no header can hold as it is: see ``EncodedFields``         |
/// | header `Nats-Msg-Id`              | by what JetStream recognises what it has already: ``MessageIdentity`` |
enum NATSLayout {
    static let idHeader = "_watermill_message_uuid"
    static let deduplicationHeader = "Nats-Msg-Id"
    /// The most metadata that a received message has: putting it together takes time by the square of the number.
    static let maximumMetadata = 4_096
    /// Payloads from this many bytes on are not copied.
    private static let borrowedMinimum = 4_096

    // MARK: Writing

    /// Libnats' message for a message; nil for one that is too large for it. Whoever gets it destroys it. With an identity, the server
    /// stores it once.
    static func encode(
        _ message: borrowing Message, subject: UnsafePointer<CChar>, reply: UnsafePointer<CChar>?,
        identity: MessageIdentity? = nil
    ) -> OpaquePointer? {
        guard let count = Int32(exactly: message.payload.count) else { return nil }
        var raw: OpaquePointer?
        message.payload.withUnsafeBytes { payload in
            _ = natsMsg_Create(
                &raw, subject, reply, payload.baseAddress?.assumingMemoryBound(to: CChar.self),
                count)
        }
        guard raw != nil else { return nil }
        var encoded = ""
        let id = message.id
        let metadata = message.metadata
        if id.high | id.low != 0 {
            withUnsafeTemporaryAllocation(byteCount: UUIDBytes.count + 1, alignment: 8) { bytes in
                guard let start = bytes.baseAddress else { return }
                UUIDBytes.write(id.high, id.low, to: start)
                start.storeBytes(of: 0, toByteOffset: UUIDBytes.count, as: UInt8.self)
                natsMsgHeader_Set(raw, idHeader, start.assumingMemoryBound(to: CChar.self))
            }
        } else {
            set(idHeader, id.description, raw, &encoded)
        }
        identity?.write(of: message) { _ = natsMsgHeader_Set(raw, deduplicationHeader, $0) }
        if let key = message.key { set(MetadataKey.key, key, raw, &encoded) }
        for (name, value) in metadata where !isOwn(name) {
            if EncodedFields.isPlain(name, value) {
                natsMsgHeader_Set(raw, name, value)
            } else {
                EncodedFields.append(name, value, to: &encoded)
                // Others see what they can.
                if EncodedFields.isPlain(name, "") { natsMsgHeader_Set(raw, name, value) }
            }
        }
        if !encoded.isEmpty { natsMsgHeader_Set(raw, EncodedFields.header, encoded) }
        return raw
    }

    /// Sets a header of the layout's own.
    private static func set(_ name: String, _ value: String, _ raw: OpaquePointer?, _ encoded: inout String) {
        natsMsgHeader_Set(raw, name, value)
        if !EncodedFields.isPlain(value: value) { EncodedFields.append(name, value, to: &encoded) }
    }

    private static func isOwn(_ name: String) -> Bool {
        name.utf8.first == 0x6D && (name == MetadataKey.topic || name == NATSMetadata.reply)
    }

    // MARK: Reading

    /// The message that libnats' has, whoever wrote it. Nothing that it may hold makes this fail:
    ///
    /// - Without the header of the id, or when that is empty, the id is what `fallbackID` says.
    /// - Of a header that occurs more than once the first one counts; one without a name becomes `MetadataKey.unnamed`. Headers of
    ///   the server's (`Nats-...`) are left out. What goes beyond ``maximumMetadata`` is left out, and counted under
    ///   `MetadataKey.omittedFields`.
    /// - Text that is not UTF-8 is repaired: wrong bytes are replaced by U+FFFD.
    /// - Headers that libnats can't read at all are left out, with `MetadataKey.decodingFailure` to say so.
    static func decode(_ message: NATSMessage, fallbackID: () -> MessageID) -> Message {
        var fields = Fields()
        fields.read(message)
        let data = message.data
        let id = fields.id ?? fallbackID()
        return Message(id: id, copying: data, key: fields.key, metadata: fields.metadata)
    }

    /// The same, of a message that is not needed otherwise: its large payload stays where it is. Otherwise the message is added to
    /// those that are spent, for the caller to destroy.
    static func take(
        _ message: NATSMessage, fallbackID: () -> MessageID, _ spent: inout SpentMessages, with extra: (inout Metadata) -> Void
    ) -> Message {
        var fields = Fields()
        fields.read(message)
        extra(&fields.metadata)
        let id = fields.id ?? fallbackID()
        guard message.data.count >= borrowedMinimum else {
            defer { spent.add(message) }
            return Message(id: id, copying: message.data, key: fields.key, metadata: fields.metadata)
        }
        return Message(
            id: id, borrowing: message.data, owner: Owner(message), key: fields.key, metadata: fields.metadata)
    }

    /// Keeps libnats' message as long as its payload is needed.
    private final class Owner: @unchecked Sendable {
        // Safe to share: nobody changes the message.
        private let message: NATSMessage
        init(_ message: NATSMessage) { self.message = message }
        deinit { message.destroy() }
    }

    /// What headers say.
    struct Fields {
        var id: MessageID?
        var key: String?
        var metadata = Metadata()

        mutating func read(_ message: NATSMessage) {
            if let text = HeaderText.of(message) { return read(text) }
            var encoded: String?
            var omitted = 0
            readByLibnats(message, &encoded, &omitted)
            finish(encoded, omitted)
        }

        /// What the text of headers says.
        mutating func read(_ text: UnsafeRawBufferPointer) {
            var encoded: String?
            var omitted = 0
            HeaderText.forEach(text) { add($0, $1, &encoded, &omitted) }
            finish(encoded, omitted)
        }

        private mutating func finish(_ encoded: String?, _ omitted: Int) {
            if omitted > 0 { metadata[MetadataKey.omittedFields] = "\(omitted)" }
            if let encoded { readEncoded(encoded) }
        }

        private mutating func add(
            _ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer, _ encoded: inout String?, _ omitted: inout Int
        ) {
            switch name.first {
            case 0x5F where name.isText("_watermill_message_uuid"): if id == nil { readID(value) }
            // Nats-...: the server's.
            case 0x4E where name.hasPrefix("Nats-"): return
            case 0x6D where name.isText("millrace-key"): if key == nil { key = text(value) }
            case 0x6D where name.isText("millrace-encoded"): encoded = encoded ?? text(value)
            default:
                guard metadata.count < maximumMetadata else { return omitted += 1 }
                let name = name.isEmpty ? MetadataKey.unnamed : text(name)
                if metadata[name] == nil { metadata[name] = text(value) }
            }
        }

        private func text(_ bytes: UnsafeRawBufferPointer) -> String { String(decoding: bytes, as: UTF8.self) }

        /// For versions of libnats of which it is not known where they keep the text.
        private mutating func readByLibnats(_ message: NATSMessage, _ encoded: inout String?, _ omitted: inout Int) {
            var names: UnsafeMutablePointer<UnsafePointer<CChar>?>?
            var count: Int32 = 0
            let status = natsMsgHeader_Keys(message.raw, &names, &count)
            guard status == NATS_OK, let names else {
                if status != NATS_NOT_FOUND {
                    let text = natsStatus_GetText(status).map { String(cString: $0) } ?? "status \(status.rawValue)"
                    metadata[MetadataKey.decodingFailure] = "headers: \(text)"
                }
                return
            }
            defer { free(names) }
            for index in 0..<Int(count) {
                var value: UnsafePointer<CChar>?
                guard let name = names[index], natsMsgHeader_Get(message.raw, name, &value) == NATS_OK, let value else {
                    continue
                }
                add(
                    UnsafeRawBufferPointer(start: name, count: strlen(name)),
                    UnsafeRawBufferPointer(start: value, count: strlen(value)), &encoded, &omitted)
            }
        }

        private mutating func readID(_ bytes: UnsafeRawBufferPointer) {
            if let bits = UUIDBytes.parse(bytes) {
                id = MessageID(high: bits.high, low: bits.low)
            } else if !bytes.isEmpty {
                id = MessageID(String(decoding: bytes, as: UTF8.self))
            }
        }

        private mutating func readEncoded(_ text: String) {
            for (name, value) in EncodedFields.parse(text) {
                switch name {
                case idHeader: id = MessageID(value)
                case MetadataKey.key: key = value
                case "": continue
                default: if metadata.count < maximumMetadata { metadata[name] = value }
                }
            }
        }
    }
}
