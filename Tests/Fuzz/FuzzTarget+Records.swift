import Foundation

@testable import Millrace
@testable import MillraceCQRS

extension FuzzTarget {
    /// Records that travel in messages.
    static let records: [FuzzTarget] = [
        FuzzTarget("dead-letter", weight: 8) { bytes in
            guard let record = DeadLetter(message(bytes)) else { return nil }
            guard let again = DeadLetter(record.letter) else { return "it is no dead letter any more" }
            guard again.letter.metadata == record.letter.metadata, again.letter.key == record.letter.key else {
                return "\(record.letter.metadata) comes back as \(again.letter.metadata)"
            }
            return again.message.metadata == record.message.metadata ? nil : "the message has changed"
        },
        FuzzTarget("reply", weight: 4) { bytes in
            let message = message(bytes)
            _ = message.metadata[MetadataKey.replyKind].flatMap(ReplyKind.init)
            guard let address = ReplyAddress(of: message, in: "orders", for: "ledger") else { return nil }
            return (try? Naming.checkTopic(address.topic)) == nil ? "its topic can't be one: '\(address.topic)'" : nil
        },
        FuzzTarget("envelope", weight: 2) { bytes in
            let message = message(bytes)
            for lane in [nil, "lane"] {
                guard let wrapped = try? Envelope.wrap(message, to: "orders", lane: lane) else { continue }
                guard let (again, topic) = Envelope.unwrap(wrapped) else { return "it is no envelope" }
                guard topic == "orders", again.key == message.key, again.id == message.id, again.metadata == message.metadata
                else {
                    return
                        "\(message.metadata), key \(message.key ?? "none"), comes back as \(again.metadata), \(again.key ?? "none")"
                }
            }
            _ = Envelope.unwrap(message)
            return nil
        },
        FuzzTarget("watermill-envelope", weight: 2) { bytes in
            guard let (message, topic) = WatermillEnvelope.unwrap(Message(payload: bytes)) else { return nil }
            var metadata = Dictionary(message.metadata.map { ($0.key, $0.value) }) { $1 }
            if let key = message.key { metadata[MetadataKey.key] = key }
            let fields: [String: Any] = [
                "destination_topic": topic, "uuid": message.id.description, "metadata": metadata,
                "payload": message.payload.withUnsafeBytes { Data($0) }.base64EncodedString(),
            ]
            guard let written = try? JSONSerialization.data(withJSONObject: fields) else { return "it can't be written" }
            guard let again = WatermillEnvelope.unwrap(Message(payload: [UInt8](written))) else { return "it is no envelope" }
            return again.topic == topic && again.message.metadata == message.metadata && again.message.key == message.key
                ? nil : "it does not come back"
        },
    ]

    /// A message from bytes: each line is a pair of metadata, and the one whose name is `@key` is its key.
    static func message(_ bytes: [UInt8]) -> Message {
        var metadata = Metadata()
        var key: String?
        for line in bytes.split(separator: 0x0A) {
            let name = line.prefix { $0 != 0x3D }
            let value = String(decoding: line[name.endIndex...].dropFirst(), as: UTF8.self)
            let text = String(decoding: name, as: UTF8.self)
            if text == "@key" { key = value } else if !text.isEmpty { metadata[text] = value }
        }
        return Message(payload: [UInt8](), key: key, metadata: metadata)
    }
}
