/// Where a new consumer group, or a subscription without one, begins to read.
///
/// As text, in configuration files and on command lines: `beginning`, `now`, `after:1526919030474-55`, and `time:` with
/// milliseconds since 1970, such as `time:1526919030474`.
public enum StartPosition: Sendable, Hashable {
    /// At the first message that the transport still has.
    case beginning
    /// At the first message published after the subscription was opened.
    case now
    /// At the first message behind the one at a position, which may be gone. Needs `Capabilities.startAtPosition`.
    case after(Position)
    /// At the first message that the broker took in at a time or later, in milliseconds since 1970. Needs
    /// `Capabilities.startAtPosition`.
    case time(unixMilliseconds: Int64)
}

extension StartPosition {
    /// Whether it takes a transport with `Capabilities.startAtPosition`: a group can begin at the beginning or now anywhere, a
    /// subscription without a group now.
    package func isArbitrary(inGroup: Bool) -> Bool {
        switch self {
        case .now: false
        case .beginning: !inGroup
        case .after, .time: true
        }
    }
}

extension StartPosition: RawRepresentable, CustomStringConvertible, Codable {
    /// The position that a text names; nil for any other text.
    public init?(rawValue: String) {
        switch rawValue {
        case "beginning": self = .beginning
        case "now": self = .now
        default:
            let kind = rawValue.prefix { $0 != ":" }
            let value = rawValue[kind.endIndex...].dropFirst()
            switch kind {
            case "after":
                guard let position = Position(String(value)) else { return nil }
                self = .after(position)
            case "time":
                guard let time = Int64(value), time >= 0 else { return nil }
                self = .time(unixMilliseconds: time)
            default: return nil
            }
        }
    }

    /// The text that names the position.
    public var rawValue: String {
        switch self {
        case .beginning: "beginning"
        case .now: "now"
        case .after(let position): "after:\(position)"
        case .time(let time): "time:\(time)"
        }
    }

    /// The same as ``rawValue``.
    public var description: String { rawValue }
}
