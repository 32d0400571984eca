import Millrace

/// Durations in words: `1 millisecond`, `15 minutes`.
enum DurationWords {
    static func text(of duration: Duration) -> String {
        guard duration != .zero else { return "zero" }
        let short = DurationText.text(of: duration)
        let digits = short.prefix { $0.isNumber }
        let units = ["ms": "millisecond", "s": "second", "m": "minute", "h": "hour", "d": "day"]
        let unit = units[String(short[digits.endIndex...])] ?? "second"
        return "\(digits) \(unit)\(digits == "1" ? "" : "s")"
    }
}

/// Numbers with their thousands apart: `65,536`.
enum DigitGroups {
    static func text(of number: Int) -> String {
        let digits = Array("\(number.magnitude)")
        let grouped = digits.enumerated().map { index, digit in
            index > 0 && (digits.count - index).isMultiple(of: 3) ? ",\(digit)" : "\(digit)"
        }
        return (number < 0 ? "-" : "") + grouped.joined()
    }
}
