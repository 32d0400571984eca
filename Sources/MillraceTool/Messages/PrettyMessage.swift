import Foundation
internal import Millrace

/// A message for people.
///
///     orders 1526919030474-0  key ada  id 0190...  attempt 1
///       correlation_id: 7
///     {
///       "cents" : 500
///     }
enum PrettyMessage {
    static func append(_ record: DeliveryRecord, of topic: String, to bytes: inout [UInt8]) {
        let message = record.message
        var text = "\(harmless(topic)) \(record.position)"
        if let key = message.key { text += "  key \(harmless(key))" }
        text += "  id \(harmless("\(message.id)"))  attempt \(record.attempt)\n"
        for (name, value) in message.metadata { text += "  \(harmless(name)): \(harmless(value))\n" }
        text += body(message.payload) + "\n\n"
        bytes += text.utf8
    }

    private static func body(_ payload: Payload) -> String {
        guard let text = payload.text else { return "(\(payload.count) bytes) \(Data(payload).base64EncodedString())" }
        guard let first = text.first, first == "{" || first == "[",
            let value = try? JSONSerialization.jsonObject(with: Data(payload)),
            let data = try? JSONSerialization.data(
                withJSONObject: value, options: [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes])
        else { return harmless(text, keepsLines: true) }
        return harmless(String(decoding: data, as: UTF8.self), keepsLines: true)
    }

    /// Text without control characters, which could make a terminal do something.
    private static func harmless(_ text: String, keepsLines: Bool = false) -> String {
        var result = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            let isControl = scalar.properties.generalCategory == .control || scalar.properties.generalCategory == .format
            if !isControl || keepsLines && (scalar == "\n" || scalar == "\t") {
                result.append(scalar)
            } else {
                result.append(contentsOf: "\\u{\(String(scalar.value, radix: 16))}".unicodeScalars)
            }
        }
        return String(result)
    }
}
