import CRabbitMQ
import Millrace

/// A message in AMQP, and back: the layout of Watermill, so that Go and Swift services share queues.
///
/// | Part of the message               | Value                                                                      |
/// | --------------------------------- | -------------------------------------------------------------------------- |
/// | body                              | the payload                                                                |
/// | header `_watermill_message_uuid`  | the id as text                                                             |
/// | header `millrace-key`             | the key, if there is one                                                   |
/// | header `millrace-attempt`         | the attempt, from the second one on                                        |
/// | other headers                     | the metadata, one text for each key; those of ``AMQPMetadata`` are properties instead |
/// | `content-type`, `correlation-id`  | the metadata of that name, besides its header                              |
/// | `delivery-mode`                   | 2, persistent, unless the topology is not durable                          |
enum AMQPLayout {
    static let idHeader = "_watermill_message_uuid"
    /// Before the names of headers that the broker would take for its own.
    static let escape = "millrace-header-"
    /// The most metadata that a received message has: putting it together takes time by the square of the number.
    static let maximumMetadata = 4_096
    static let maximumShortText = 255

    /// Whether the broker reads a header of that name itself: to route by it, or to count with it.
    static func isReserved(_ name: String) -> Bool {
        switch name.utf8.first {
        case 0x42, 0x43: name == "CC" || name == "BCC"
        case 0x78: name == "x-death" || name == "x-delivery-count"
        default: false
        }
    }

    /// How often a quorum queue has handed out a message before.
    static func returns(_ message: borrowing Message) -> Int {
        message.metadata["x-delivery-count"].flatMap { Int(attempts: $0) } ?? 0
    }

    // MARK: Checking

    /// Throws a `MillraceError` of code `invalidMessage` for a message that can't be sent. `limit` bounds its headers, in bytes.
    static func check(_ message: borrowing Message, maximumSize: Int, headers limit: Int) throws {
        try Naming.check(message)
        guard message.payload.count <= maximumSize else {
            throw invalid(message.id, "has a payload of \(message.payload.count) bytes, it may have \(maximumSize)")
        }
        let metadata = message.metadata
        guard !metadata.isEmpty || message.key != nil else { return }
        // The id's header, and what the properties take at most.
        var size = 64 + idHeader.utf8.count + (message.key?.utf8.count ?? 0) + 36
        for (name, value) in metadata {
            size += name.utf8.count + value.utf8.count + 6
            // An escaped name is longer.
            guard name.utf8.count <= maximumShortText else {
                throw invalid(message.id, "has a metadata key of \(name.utf8.count) bytes, it may have \(maximumShortText)")
            }
            if name.hasPrefix(AMQPMetadata.prefix) { try check(name, value, of: message.id) }
        }
        guard size <= limit else {
            throw invalid(message.id, "has \(size) bytes of metadata, a frame to this broker takes \(limit)")
        }
    }

    /// A message whose metadata fits: the longest values are left out, and counted under `MetadataKey.omittedFields`.
    static func fitting(_ message: Message, headers limit: Int) -> Message {
        var message = message
        var omitted = 0
        while (try? check(message, maximumSize: .max, headers: limit)) == nil {
            let pairs = message.metadata
            guard let longest = pairs.max(by: { $0.value.utf8.count < $1.value.utf8.count }) else { break }
            message.metadata[longest.key] = nil
            omitted += 1
        }
        if omitted > 0 { message.metadata[MetadataKey.omittedFields] = "\(omitted)" }
        return message
    }

    private static func check(_ name: String, _ value: String, of id: MessageID) throws {
        func expect(_ condition: Bool, _ bound: String) throws {
            if !condition { throw invalid(id, "has metadata '\(name)' of '\(value.prefix(40))', it must be \(bound)") }
        }
        switch name {
        case AMQPMetadata.priority: try expect(UInt8(value) != nil, "0 to 255")
        case AMQPMetadata.expiration: try expect(UInt32(value) != nil, "milliseconds, 0 to \(UInt32.max)")
        case AMQPMetadata.timestamp: try expect(UInt64(value) != nil, "seconds since 1970")
        case AMQPMetadata.routingKey, AMQPMetadata.type, AMQPMetadata.replyTo, AMQPMetadata.appID,
            AMQPMetadata.contentEncoding, AMQPMetadata.messageID:
            try expect(value.utf8.count <= maximumShortText, "at most \(maximumShortText) bytes long")
        default: break
        }
    }

    private static func invalid(_ id: MessageID, _ what: String) -> MillraceError {
        MillraceError(.invalidMessage, "message \(id) \(what)", isRetriable: false)
    }
}
