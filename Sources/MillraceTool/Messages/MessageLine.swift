import Foundation
internal import Millrace

/// A message as a line of JSON.
///
///     {"id":"...","topic":"orders","position":"1-0","attempt":1,"key":"ada","metadata":{"a":"b"},"payload":"text"}
///
/// A payload that is not UTF-8 stands under `payload-base64`. Topic, position and attempt are left out of account when a line is
/// read: they belong to a delivery.
enum MessageLine {
    static let maximumLength = 64 << 20

    static func append(_ record: DeliveryRecord, of topic: String, to bytes: inout [UInt8]) {
        let message = record.message
        var text = "{\"id\":\(JSONText.string("\(message.id)")),\"topic\":\(JSONText.string(topic))"
        text += ",\"position\":\"\(record.position)\",\"attempt\":\(record.attempt)"
        if let key = message.key { text += ",\"key\":\(JSONText.string(key))" }
        if !message.metadata.isEmpty {
            let pairs = message.metadata.map { "\(JSONText.string($0.key)):\(JSONText.string($0.value))" }
            text += ",\"metadata\":{\(pairs.joined(separator: ","))}"
        }
        if let payload = message.payload.text {
            text += ",\"payload\":\(JSONText.string(payload))}\n"
        } else {
            text += ",\"payload-base64\":\"\(Data(message.payload).base64EncodedString())\"}\n"
        }
        bytes += text.utf8
    }

    /// The message of a line; what it does not mention comes from `defaults`. Throws a `MillraceError` that says what is wrong.
    static func message(_ line: UnsafeRawBufferPointer, _ defaults: MessageDefaults) throws -> Message {
        let object: Any
        do {
            object = try JSONSerialization.jsonObject(with: Data(line))
        } catch {
            throw invalid("it is not JSON")
        }
        guard let fields = object as? [String: Any] else { throw invalid("it is not an object") }
        let known = ["id", "topic", "position", "attempt", "key", "metadata", "payload", "payload-base64"]
        if let unknown = fields.keys.sorted().first(where: { !known.contains($0) }) {
            throw invalid("there is no field '\(unknown)'; there are: \(known.joined(separator: ", "))")
        }
        var metadata = defaults.metadata
        if let value = present(fields["metadata"]) {
            guard let pairs = value as? [String: Any] else { throw invalid("'metadata' is not an object") }
            for (name, value) in pairs.sorted(by: { $0.key < $1.key }) {
                guard let text = value as? String else { throw invalid("'metadata.\(name)' is not text") }
                metadata[name] = text
            }
        }
        let id = try text("id", fields).map { MessageID($0) } ?? .next()
        return Message(id: id, payload: try payload(fields), key: try text("key", fields) ?? defaults.key, metadata: metadata)
    }

    private static func payload(_ fields: [String: Any]) throws -> [UInt8] {
        if let text = try text("payload-base64", fields) {
            guard fields["payload"] == nil else { throw invalid("it has a 'payload' and a 'payload-base64'") }
            guard let data = Data(base64Encoded: text) else { throw invalid("'payload-base64' is not base64") }
            return Array(data)
        }
        guard let value = fields["payload"] else { throw invalid("it has no 'payload'") }
        if let text = value as? String { return Array(text.utf8) }
        let options: JSONSerialization.WritingOptions = [.fragmentsAllowed, .sortedKeys, .withoutEscapingSlashes]
        return Array(try JSONSerialization.data(withJSONObject: value, options: options))
    }

    private static func text(_ name: String, _ fields: [String: Any]) throws -> String? {
        guard let value = present(fields[name]) else { return nil }
        guard let text = value as? String else { throw invalid("'\(name)' is not text") }
        return text
    }

    private static func present(_ value: Any?) -> Any? { value is NSNull ? nil : value }

    private static func invalid(_ reason: String) -> MillraceError { MillraceError(.invalidMessage, reason, isRetriable: false) }
}

/// What messages have that do not bring it along.
struct MessageDefaults: Sendable {
    var key: String?
    var metadata = Metadata()
}
