/// JSON written by hand where only plain values occur and an encoder would be in the way (RFC 8259).
package enum JSONText {
    /// An object, with its fields in the order given.
    static func object(_ fields: [(String, LogValue)]) -> String {
        "{" + fields.map { "\(string($0)):\($1.json)" }.joined(separator: ",") + "}"
    }

    /// A string in quotes, with everything escaped that has to be.
    package static func string(_ value: String) -> String {
        var text = "\""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case "\r": text += "\\r"
            case "\t": text += "\\t"
            case _ where scalar.value < 0x20:
                let digits = String(scalar.value, radix: 16)
                text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text + "\""
    }
}
