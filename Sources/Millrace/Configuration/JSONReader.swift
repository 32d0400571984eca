/// Reads JSON (RFC 8259) as configuration needs it: keys keep their order, one that is given twice is refused, and an error names
/// line and column.
struct JSONReader {
    private let source: String
    private let bytes: [UInt8]
    private var index = 0
    /// The names on the way to what is being read.
    private var path = ConfigurationPath()

    /// How deep values may lie in one another: far more than there are levels.
    private static let maximumDepth = 64

    /// The value of a text. Throws a ``MillraceError`` of code `invalidConfiguration`.
    static func read(_ text: String, source: String) throws -> ConfigurationNode {
        var reader = JSONReader(source: source, bytes: Array(text.utf8))
        let node = try reader.value(depth: 0)
        reader.skipSpace()
        guard reader.index == reader.bytes.count else { throw reader.error("the end of the file was expected") }
        return node
    }

    private init(source: String, bytes: [UInt8]) {
        self.source = source
        self.bytes = bytes
        // A byte order mark, as some editors write it.
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { index = 3 }
    }

    private func error(_ text: String, at position: Int? = nil) -> MillraceError {
        let before = bytes[..<min(position ?? index, bytes.count)]
        let line = before.count { $0 == 0x0A } + 1
        let start = before.lastIndex(of: 0x0A).map { $0 + 1 } ?? 0
        let column = String(decoding: before[start...], as: UTF8.self).count + 1
        let place = path.steps.isEmpty ? "" : "\(path): "
        return MillraceError(.invalidConfiguration, "\(source):\(line):\(column): \(place)\(text)", isRetriable: false)
    }

    private var next: UInt8? { index < bytes.count ? bytes[index] : nil }

    private mutating func skipSpace() {
        while let byte = next, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { index += 1 }
    }

    private mutating func skip(_ character: Unicode.Scalar) -> Bool {
        skipSpace()
        guard next == UInt8(ascii: character) else { return false }
        index += 1
        return true
    }

    // MARK: Values

    private mutating func value(depth: Int) throws -> ConfigurationNode {
        skipSpace()
        guard depth < Self.maximumDepth else { throw error("values lie more than \(Self.maximumDepth) deep") }
        switch next {
        case UInt8(ascii: "{"): return try object(depth: depth)
        case UInt8(ascii: "["): return try array(depth: depth)
        case UInt8(ascii: "\""): return ConfigurationNode(.text(try string()))
        case UInt8(ascii: "t"): return try word("true", .flag(true))
        case UInt8(ascii: "f"): return try word("false", .flag(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        case let byte? where byte == UInt8(ascii: "-") || (0x30...0x39).contains(byte): return try number()
        default: throw error("a value was expected")
        }
    }

    private mutating func object(depth: Int) throws -> ConfigurationNode {
        index += 1
        var members: [(key: String, node: ConfigurationNode)] = []
        if skip("}") { return ConfigurationNode(.object(members)) }
        let outer = path
        repeat {
            skipSpace()
            let start = index
            guard next == UInt8(ascii: "\"") else { throw error("a key in quotes was expected") }
            let key = try string()
            guard !members.contains(where: { $0.key == key }) else {
                throw error("'\(key)' is given twice", at: start)
            }
            guard skip(":") else { throw error("':' was expected behind the key '\(key)'") }
            path = outer.appending(key)
            members.append((key, try value(depth: depth + 1)))
            path = outer
        } while skip(",")
        guard skip("}") else { throw error("',' or '}' was expected") }
        return ConfigurationNode(.object(members))
    }

    private mutating func array(depth: Int) throws -> ConfigurationNode {
        index += 1
        var items: [ConfigurationNode] = []
        if skip("]") { return ConfigurationNode(.array(items)) }
        let outer = path
        repeat {
            path = outer.appending(items.count)
            items.append(try value(depth: depth + 1))
            path = outer
        } while skip(",")
        guard skip("]") else { throw error("',' or ']' was expected") }
        return ConfigurationNode(.array(items))
    }

    private mutating func word(_ text: String, _ content: ConfigurationNode.Content) throws -> ConfigurationNode {
        guard bytes[index...].starts(with: text.utf8) else { throw error("a value was expected") }
        index += text.utf8.count
        return ConfigurationNode(content)
    }

    private mutating func number() throws -> ConfigurationNode {
        let start = index
        while let byte = next, (0x30...0x39).contains(byte) || "+-.eE".utf8.contains(byte) { index += 1 }
        let text = String(decoding: bytes[start..<index], as: UTF8.self)
        let digits = text.hasPrefix("-") ? text.dropFirst() : text[...]
        let hasLeadingZero = digits.hasPrefix("0") && digits.dropFirst().first?.isNumber == true
        // Swift takes a point without a digit behind it: `1.`, `1.e3`.
        let hasLoosePoint = text.hasSuffix(".") || text.contains(".e") || text.contains(".E")
        guard let value = Double(text), value.isFinite, digits.first?.isNumber == true, !hasLeadingZero, !hasLoosePoint
        else { throw error("'\(text)' is no number", at: start) }
        return ConfigurationNode(.number(text))
    }
}

// MARK: - Text

extension JSONReader {
    private mutating func string() throws -> String {
        let start = index
        index += 1
        var text: [UInt8] = []
        while let byte = next {
            index += 1
            switch byte {
            case UInt8(ascii: "\""):
                // The whole file is UTF-8, and escapes add nothing else.
                return String(decoding: text, as: UTF8.self)
            case UInt8(ascii: "\\"): text += try escape()
            case ..<0x20: throw error("a control character in text must be escaped", at: index - 1)
            default: text.append(byte)
            }
        }
        throw error("the text that begins here has no end", at: start)
    }

    private mutating func escape() throws -> [UInt8] {
        guard let byte = next else { throw error("the escape has no end") }
        index += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return [byte]
        case UInt8(ascii: "b"): return [0x08]
        case UInt8(ascii: "f"): return [0x0C]
        case UInt8(ascii: "n"): return [0x0A]
        case UInt8(ascii: "r"): return [0x0D]
        case UInt8(ascii: "t"): return [0x09]
        case UInt8(ascii: "u"): break
        default: throw error("there is no such escape", at: index - 2)
        }
        var code = try unit()
        if (0xD800..<0xDC00).contains(code), bytes[index...].starts(with: #"\u"#.utf8) {
            index += 2
            let low = try unit()
            guard (0xDC00..<0xE000).contains(low) else { throw error("half of a surrogate pair", at: index - 6) }
            code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
        }
        guard let scalar = Unicode.Scalar(code) else { throw error("half of a surrogate pair", at: index - 6) }
        return Array(String(scalar).utf8)
    }

    private mutating func unit() throws -> UInt32 {
        let digits = bytes[index...].prefix(4)
        guard digits.count == 4, digits.allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }),
            let unit = UInt32(String(decoding: digits, as: UTF8.self), radix: 16)
        else { throw error("four hexadecimal digits were expected") }
        index += 4
        return unit
    }
}
