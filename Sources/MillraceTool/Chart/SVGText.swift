/// An SVG on its way: elements one behind the other, with everything escaped that is not markup.
struct SVGText {
    private(set) var text = ""
    private var depth = 0

    /// An element without anything in it.
    mutating func add(_ name: String, _ attributes: KeyValuePairs<String, Any>) {
        line("<\(name)\(Self.text(attributes))/>")
    }

    /// An element with text in it.
    mutating func add(_ name: String, _ attributes: KeyValuePairs<String, Any> = [:], _ text: String) {
        line("<\(name)\(Self.text(attributes))>\(Self.escaped(text))</\(name)>")
    }

    /// An element with others in it.
    mutating func add(_ name: String, _ attributes: KeyValuePairs<String, Any> = [:], _ body: (inout SVGText) -> Void) {
        line("<\(name)\(Self.text(attributes))>")
        depth += 1
        body(&self)
        depth -= 1
        line("</\(name)>")
    }

    private mutating func line(_ content: String) { text += String(repeating: "  ", count: depth) + content + "\n" }

    private static func text(_ attributes: KeyValuePairs<String, Any>) -> String {
        attributes.map { name, value in
            " \(name)=\"\(escaped((value as? Double).map(number) ?? "\(value)", isAttribute: true))\""
        }.joined()
    }

    /// With a digit behind the point if need be: pixels are large.
    static func number(_ value: Double) -> String {
        let text = value.text(1)
        return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
    }

    /// Text as XML has it. What XML has no room for, the control characters, becomes U+FFFD.
    static func escaped(_ text: String, isAttribute: Bool = false) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += isAttribute ? "&quot;" : "\""
            case "\t", "\n", "\r": result.unicodeScalars.append(scalar == "\r" ? "\n" : scalar)
            case "\u{0}"..<" ", "\u{FFFE}", "\u{FFFF}": result += "\u{FFFD}"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}
