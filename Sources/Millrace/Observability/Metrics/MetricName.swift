/// The rules of Prometheus for names.
enum MetricName {
    /// Throws a ``MillraceError`` of code `invalidOption` when a metric can't have this name or these labels.
    static func check(_ name: String, _ labels: [String], of kind: MetricKind) throws {
        guard isValid(name, allowsColon: true) else {
            throw MillraceError.invalidOption(
                "name", name.debugDescription, bound: "letters, digits, '_' and ':', not beginning with a digit",
                of: "metric")
        }
        for (index, label) in labels.enumerated() {
            guard isValid(label, allowsColon: false), !label.hasPrefix("__") else {
                throw MillraceError.invalidOption(
                    "label", label.debugDescription,
                    bound: "letters, digits and '_', not beginning with a digit or '__'", of: "metric '\(name)'")
            }
            guard kind != .histogram || label != "le" else {
                throw MillraceError.invalidOption(
                    "label", "le", bound: "another name, as a histogram has it already", of: "metric '\(name)'")
            }
            guard !labels[..<index].contains(label) else {
                throw MillraceError.invalidOption("label", label, bound: "given once", of: "metric '\(name)'")
            }
        }
    }

    private static func isValid(_ name: String, allowsColon: Bool) -> Bool {
        var isFirst = true
        for byte in name.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"): break
            case UInt8(ascii: "0")...UInt8(ascii: "9"): if isFirst { return false }
            case UInt8(ascii: ":"): if !allowsColon { return false }
            default: return false
            }
            isFirst = false
        }
        return !isFirst
    }

    /// What a histogram adds to its name.
    static let suffixes = ["_bucket", "_sum", "_count"]
}
