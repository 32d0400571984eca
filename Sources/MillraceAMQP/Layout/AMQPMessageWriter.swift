import CRabbitMQ
import Millrace

/// Writes messages to a channel: one after the other, with memory that it keeps.
struct AMQPMessageWriter {
    private var texts: UnsafeMutableRawBufferPointer = .allocate(byteCount: 4_096, alignment: 1)
    private var used = 0
    private var entries: UnsafeMutableBufferPointer<amqp_table_entry_t> = .allocate(capacity: 64)
    private var entryCount = 0
    private var properties = amqp_basic_properties_t()

    /// Frees the memory. Whoever has made it has to call this once.
    func deallocate() {
        texts.deallocate()
        entries.deallocate()
    }

    /// Writes a message, with another attempt than the first if given. Returns what the library returns.
    mutating func write(
        _ message: borrowing Message, to route: AMQPRoute, attempt: Int?, on channel: amqp_channel_t, _ raw: OpaquePointer
    ) -> Int32 {
        let metadata = message.metadata
        makeRoom(for: metadata, message.key, message.id, route)
        properties = amqp_basic_properties_t()
        properties._flags = AMQPFlag.headers | AMQPFlag.deliveryMode
        properties.delivery_mode = route.isPersistent ? 2 : 1
        add(message.id)
        if let key = message.key { addHeader(copy(MetadataKey.key), copy(key)) }
        if let attempt { addHeader(copy(MetadataKey.attempt), copy("\(attempt)")) }
        var routingKey = route.routingKey
        for (name, value) in metadata {
            if name.hasPrefix(AMQPMetadata.prefix) {
                if name == AMQPMetadata.routingKey {
                    if !route.isReturn { routingKey = value }
                } else if !setProperty(name, value), route.isReturn {
                    // What was known of a message when it came is known when it comes again.
                    addHeader(copy(name), copy(value))
                }
            } else {
                add(name, value)
            }
        }
        properties.headers = amqp_table_t(num_entries: Int32(entryCount), entries: entries.baseAddress)
        let (exchange, key) = (copy(route.exchange), copy(routingKey))
        return message.payload.withUnsafeBytes { body in
            amqp_basic_publish(raw, channel, exchange, key, route.isMandatory.amqp, 0, &properties, amqp_bytes_t(body))
        }
    }

    // MARK: Headers

    private mutating func add(_ id: MessageID) {
        guard id.high | id.low != 0 else { return addHeader(copy(AMQPLayout.idHeader), copy(id.description)) }
        let name = copy(AMQPLayout.idHeader)
        guard let start = texts.baseAddress else { return }
        UUIDBytes.write(id.high, id.low, to: start + used)
        addHeader(name, amqp_bytes_t(len: UUIDBytes.count, bytes: start + used))
        used += UUIDBytes.count
    }

    private mutating func add(_ name: String, _ value: String) {
        let bytes = copy(value)
        if name == MetadataKey.contentType, bytes.len <= AMQPLayout.maximumShortText {
            properties.content_type = bytes
            properties._flags |= AMQPFlag.contentType
        } else if name == MetadataKey.correlationID, bytes.len <= AMQPLayout.maximumShortText {
            properties.correlation_id = bytes
            properties._flags |= AMQPFlag.correlationID
        }
        // The number of the attempt and the key are on their way already; where it lay says the routing key.
        guard name != MetadataKey.attempt, name != MetadataKey.key, name != MetadataKey.topic else { return }
        addHeader(copy(AMQPLayout.isReserved(name) ? AMQPLayout.escape + name : name), bytes)
    }

    private mutating func addHeader(_ name: amqp_bytes_t, _ value: amqp_bytes_t) {
        var field = amqp_field_value_t()
        field.kind = UInt8(truncatingIfNeeded: AMQP_FIELD_KIND_UTF8.rawValue)
        field.value.bytes = value
        entries[entryCount] = amqp_table_entry_t(key: name, value: field)
        entryCount += 1
    }

    /// Values were checked before. Returns false for a key that only received messages have.
    private mutating func setProperty(_ name: String, _ value: String) -> Bool {
        switch name {
        case AMQPMetadata.priority:
            properties.priority = UInt8(value) ?? 0
            properties._flags |= AMQPFlag.priority
        case AMQPMetadata.timestamp:
            properties.timestamp = UInt64(value) ?? 0
            properties._flags |= AMQPFlag.timestamp
        case AMQPMetadata.expiration:
            properties.expiration = copy(value)
            properties._flags |= AMQPFlag.expiration
        case AMQPMetadata.type:
            properties.type = copy(value)
            properties._flags |= AMQPFlag.type
        case AMQPMetadata.replyTo:
            properties.reply_to = copy(value)
            properties._flags |= AMQPFlag.replyTo
        case AMQPMetadata.appID:
            properties.app_id = copy(value)
            properties._flags |= AMQPFlag.appID
        case AMQPMetadata.contentEncoding:
            properties.content_encoding = copy(value)
            properties._flags |= AMQPFlag.contentEncoding
        case AMQPMetadata.messageID:
            properties.message_id = copy(value)
            properties._flags |= AMQPFlag.messageID
        default: return false
        }
        return true
    }

    // MARK: Memory

    /// What is pointed to must not move, so there has to be room for all of it before.
    private mutating func makeRoom(for metadata: borrowing Metadata, _ key: String?, _ id: MessageID, _ route: AMQPRoute) {
        (used, entryCount) = (0, 0)
        var size = 256 + route.exchange.utf8.count + route.routingKey.utf8.count + (key?.utf8.count ?? 0)
        if id.high | id.low == 0 { size += id.description.utf8.count }
        for index in metadata.indices {
            size += metadata[index].key.utf8.count + metadata[index].value.utf8.count + AMQPLayout.escape.utf8.count
        }
        if size > texts.count {
            texts.deallocate()
            texts = .allocate(byteCount: size * 2, alignment: 1)
        }
        if metadata.count + 3 > entries.count {
            entries.deallocate()
            entries = .allocate(capacity: (metadata.count + 3) * 2)
        }
    }

    private mutating func copy(_ text: String) -> amqp_bytes_t {
        var text = text
        return text.withUTF8 { utf8 in
            let place = UnsafeMutableRawBufferPointer(rebasing: texts[used..<used + utf8.count])
            place.copyMemory(from: UnsafeRawBufferPointer(utf8))
            used += utf8.count
            return amqp_bytes_t(len: utf8.count, bytes: place.baseAddress)
        }
    }
}
