/// The value of a field in a log: a number stays a number where the form of the log has numbers, as JSON has.
public enum LogValue: Sendable, Hashable {
    /// Text.
    case text(String)
    /// A whole number.
    case int(Int64)
    /// Any other number.
    case double(Double)
    /// A truth value.
    case bool(Bool)
    /// A length of time.
    case duration(Duration)

    /// The value of anything that can be described: of a whole number, a floating-point number, a truth value or a duration what it is, and
    /// text of everything else.
    public init(_ value: any CustomStringConvertible & Sendable) {
        self =
            switch value {
            case let value as LogValue: value
            case let value as String: .text(value)
            case let value as Bool: .bool(value)
            case let value as Duration: .duration(value)
            case let value as Double: .double(value)
            case let value as Float: .double(Double(value))
            case let value as any BinaryInteger: Int64(exactly: value).map(LogValue.int) ?? .text(value.description)
            default: .text(value.description)
            }
    }

    /// A whole number.
    init(_ value: Int) { self = .int(Int64(value)) }
}

extension LogValue: CustomStringConvertible {
    /// The value as text; of a duration such as people write: `97 ms`.
    public var description: String {
        switch self {
        case .text(let text): text
        case .int(let value): "\(value)"
        case .double(let value): "\(value)"
        case .bool(let value): "\(value)"
        case .duration(let duration): Self.text(of: duration)
        }
    }

    /// The value in JSON (RFC 8259). A duration is text there, and so is a number that JSON has no word for.
    var json: String {
        switch self {
        case .int, .bool: description
        case .double(let value): value.isFinite ? description : JSONText.string(description)
        case .text, .duration: JSONText.string(description)
        }
    }
}

extension LogValue {
    /// The units that durations are told in, each from one of it up.
    private static let units: [(name: String, nanoseconds: Int64)] = [
        ("h", 3_600_000_000_000), ("min", 60_000_000_000), ("s", 1_000_000_000), ("ms", 1_000_000), ("µs", 1_000),
    ]

    /// A duration in the largest unit that it has one of, with at most three digits where there is a fraction: `1.25 s`, `97 ms`.
    private static func text(of duration: Duration) -> String {
        let nanoseconds = duration.nanosecondsClamped
        let magnitude = nanoseconds.magnitude
        let sign = nanoseconds < 0 ? "-" : ""
        guard let unit = units.first(where: { magnitude >= $0.nanoseconds.magnitude }) else { return "\(nanoseconds) ns" }
        let size = unit.nanoseconds.magnitude
        let whole = magnitude / size
        let digits = max(0, 3 - "\(whole)".utf8.count)
        var scale: UInt64 = 1
        for _ in 0..<digits { scale *= 10 }
        // Cut off, not rounded: no duration seems to be longer than it is.
        let fraction = (magnitude % size) / (size / scale)
        guard fraction > 0 else { return "\(sign)\(whole) \(unit.name)" }
        var text = "\(fraction)"
        text = String(repeating: "0", count: digits - text.utf8.count) + text
        while text.last == "0" { text.removeLast() }
        return "\(sign)\(whole).\(text) \(unit.name)"
    }
}

extension LogValue: ExpressibleByStringInterpolation, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral {
    /// Text.
    public init(stringLiteral text: String) { self = .text(text) }
    /// A whole number.
    public init(integerLiteral value: Int64) { self = .int(value) }
    /// A truth value.
    public init(booleanLiteral value: Bool) { self = .bool(value) }
}
