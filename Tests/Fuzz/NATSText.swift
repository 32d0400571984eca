@testable import Millrace
@testable import MillraceNATS

/// Headers as they are on the wire, written as `NATSLayout` has libnats write them.
enum NATSText {
    static func headers(of fields: NATSLayout.Fields) -> String {
        var text = "NATS/1.0\r\n"
        var encoded = ""
        func add(_ name: String, _ value: String, isOwn: Bool) {
            if isOwn ? EncodedFields.isPlain(value: value) : EncodedFields.isPlain(name, value) {
                text += "\(name): \(value)\r\n"
            } else {
                EncodedFields.append(name, value, to: &encoded)
            }
        }
        if let id = fields.id { add(NATSLayout.idHeader, id.description, isOwn: true) }
        if let key = fields.key { add(MetadataKey.key, key, isOwn: true) }
        for (name, value) in fields.metadata { add(name, value, isOwn: false) }
        if !encoded.isEmpty { text += "\(EncodedFields.header): \(encoded)\r\n" }
        return text + "\r\n"
    }

    static func isSame(_ one: NATSLayout.Fields, _ other: NATSLayout.Fields) -> Bool {
        one.id == other.id && one.key == other.key && one.metadata == other.metadata
    }
}
