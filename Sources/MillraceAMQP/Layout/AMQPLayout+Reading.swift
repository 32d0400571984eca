import CRabbitMQ
import Millrace

extension AMQPLayout {
    /// The message of what has come, whoever sent it, its attempt, and whether its id is one of this layout, or only a text that
    /// somebody has put there. Nothing that it may hold makes it fail:
    ///
    /// - Without the header of the id, the id is the property `message-id`, or else a new one.
    /// - Headers that are no text become text or JSON: see ``AMQPFieldText``. Of a header that occurs more than once the last one
    ///   counts; one without a name becomes `MetadataKey.unnamed`. What goes beyond ``maximumMetadata`` is left out, and counted
    ///   under `MetadataKey.omittedFields`.
    /// - Properties become metadata under the keys of ``AMQPMetadata``.
    static func decode(
        _ content: borrowing AMQPContent, routingKey: String?
    ) -> (message: Message, attempt: Int, hasOwnID: Bool) {
        var reader = HeaderReader()
        guard let properties = content.properties else {
            return (content.message(id: .next(), key: nil, metadata: reader.metadata), 1, false)
        }
        let flags = properties.pointee._flags
        if flags & AMQPFlag.headers != 0 { reader.read(properties.pointee.headers) }
        // Our own messages have no other property than these two.
        let plain = AMQPFlag.headers | AMQPFlag.deliveryMode
        if flags & ~plain != 0 { reader.read(properties, flags) }
        if let routingKey, reader.metadata[AMQPMetadata.receivedRoutingKey] == nil {
            reader.metadata[AMQPMetadata.receivedRoutingKey] = routingKey
        }
        if reader.omitted > 0 { reader.metadata[MetadataKey.omittedFields] = "\(reader.omitted)" }
        let message = content.message(id: reader.id ?? .next(), key: reader.key, metadata: reader.metadata)
        return (message, reader.attempt, reader.hasOwnID)
    }

    /// What headers and properties say, bit by bit.
    private struct HeaderReader {
        var id: MessageID?
        var hasOwnID = false
        var key: String?
        var attempt = 1
        var metadata = Metadata()
        var omitted = 0

        mutating func read(_ table: amqp_table_t) {
            guard let entries = table.entries else { return }
            let count = Int(max(0, table.num_entries))
            metadata.reserveCapacity(min(max(0, count - 1), maximumMetadata))
            for index in 0..<count { read(entries[index].key.raw, entries[index].value) }
        }

        private mutating func read(_ name: UnsafeRawBufferPointer, _ value: amqp_field_value_t) {
            let isText = value.kind == UInt8(truncatingIfNeeded: AMQP_FIELD_KIND_UTF8.rawValue)
            if isText, name.count == idHeader.utf8.count, name.elementsEqual(idHeader.utf8) {
                let bytes = value.value.bytes.raw
                if let bits = UUIDBytes.parse(bytes) {
                    id = MessageID(high: bits.high, low: bits.low)
                    hasOwnID = true
                } else if !bytes.isEmpty {
                    id = MessageID(String(decoding: bytes, as: UTF8.self))
                }
                return
            }
            add(String(decoding: name, as: UTF8.self), AMQPFieldText.text(value))
        }

        private mutating func add(_ name: String, _ text: String) {
            if name == MetadataKey.key {
                key = text
            } else if name == MetadataKey.attempt, let number = Int(attempts: text), number >= 1 {
                attempt = number
            } else if metadata.count >= maximumMetadata {
                omitted += 1
            } else if name.isEmpty {
                metadata[MetadataKey.unnamed] = text
            } else if let original = Self.unescaped(name) {
                // What the broker has written itself is newer.
                if metadata[original] == nil { metadata[original] = text }
            } else {
                metadata[name] = text
            }
        }

        private static func unescaped(_ name: String) -> String? {
            guard name.hasPrefix(escape) else { return nil }
            let original = String(name.dropFirst(escape.utf8.count))
            return isReserved(original) ? original : nil
        }

        mutating func read(_ properties: UnsafeMutablePointer<amqp_basic_properties_t>, _ flags: amqp_flags_t) {
            let pairs: [(amqp_flags_t, String, amqp_bytes_t)] = [
                (AMQPFlag.contentType, MetadataKey.contentType, properties.pointee.content_type),
                (AMQPFlag.correlationID, MetadataKey.correlationID, properties.pointee.correlation_id),
                (AMQPFlag.contentEncoding, AMQPMetadata.contentEncoding, properties.pointee.content_encoding),
                (AMQPFlag.replyTo, AMQPMetadata.replyTo, properties.pointee.reply_to),
                (AMQPFlag.expiration, AMQPMetadata.receivedExpiration, properties.pointee.expiration),
                (AMQPFlag.type, AMQPMetadata.type, properties.pointee.type),
                (AMQPFlag.appID, AMQPMetadata.appID, properties.pointee.app_id),
                (AMQPFlag.userID, AMQPMetadata.receivedUserID, properties.pointee.user_id),
            ]
            for (flag, name, bytes) in pairs where flags & flag != 0 && metadata[name] == nil { metadata[name] = bytes.text }
            if flags & AMQPFlag.priority != 0 { metadata[AMQPMetadata.priority] = "\(properties.pointee.priority)" }
            if flags & AMQPFlag.timestamp != 0 { metadata[AMQPMetadata.timestamp] = "\(properties.pointee.timestamp)" }
            guard flags & AMQPFlag.messageID != 0 else { return }
            let text = properties.pointee.message_id.text
            if id == nil, !text.isEmpty { id = MessageID(text) } else { metadata[AMQPMetadata.messageID] = text }
        }
    }
}
