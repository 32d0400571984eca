/// Durations as people write them in URLs and configuration: `500ms`, `5s`, `1m`, `2h`, `7d`; a bare number is seconds.
package enum DurationText {
    package static let bound = "a number with ms, s, m, h or d: 500ms, 5s, 1m"
    /// A year is more than any of them needs, and far from overflowing.
    static let maximum = Duration.seconds(366 * 86_400)

    /// The duration, from zero to ``maximum``; nil for any other text.
    package static func parse(_ text: some StringProtocol) -> Duration? {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        guard let number = Int64(digits), number <= 366 * 86_400_000 else { return nil }
        let duration: Duration
        switch text[digits.endIndex...] {
        case "ms": duration = .milliseconds(number)
        case "s", "": duration = .seconds(number)
        case "m": duration = .seconds(60 * number)
        case "h": duration = .seconds(3_600 * number)
        case "d": duration = .seconds(86_400 * number)
        default: return nil
        }
        return duration <= maximum ? duration : nil
    }

    /// The shortest such text of a duration, cut to milliseconds.
    package static func text(of duration: Duration) -> String {
        // Not by a quotient of durations: that is a floating-point number, and 5,090 seconds become 5,089,999 milliseconds.
        let milliseconds = duration.nanosecondsClamped / 1_000_000
        for (unit, size) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000)] as [(String, Int64)]
        where milliseconds > 0 && milliseconds % size == 0 {
            return "\(milliseconds / size)\(unit)"
        }
        return "\(milliseconds)ms"
    }
}
