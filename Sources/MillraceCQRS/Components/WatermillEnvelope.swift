import Foundation
import Millrace

/// How Watermill's forwarder wraps a message: as JSON in the payload of another one.
struct WatermillEnvelope: Decodable {
    private enum CodingKeys: String, CodingKey {
        case topic = "destination_topic"
        case id = "uuid"
        case payload
        case metadata
    }

    let topic: String
    let id: String
    let payload: Data?
    let metadata: [String: String]?

    /// What was wrapped; nil when the payload is no such envelope. The key is where Millrace's publishers put it on the wire, or else
    /// that of the message around it.
    static func unwrap(_ envelope: Message) -> (message: Message, topic: String)? {
        let bytes = envelope.payload.withUnsafeBytes { Data($0) }
        guard let read = try? JSONDecoder().decode(WatermillEnvelope.self, from: bytes) else { return nil }
        var metadata = Metadata()
        for (key, value) in (read.metadata ?? [:]).sorted(by: { $0.key < $1.key }) where !key.isEmpty { metadata[key] = value }
        let key = metadata[MetadataKey.key] ?? envelope.key
        metadata[MetadataKey.key] = nil
        return (
            Message(id: MessageID(read.id), payload: [UInt8](read.payload ?? Data()), key: key, metadata: metadata), read.topic
        )
    }
}
