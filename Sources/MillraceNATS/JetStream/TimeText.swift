/// Times as the JetStream API has them: RFC 3339, in UTC.
enum TimeText {
    /// Whether a time is later than another one, both as the server writes them: to the nanosecond, without zeros at the end.
    static func isLater(_ time: String, than other: String) -> Bool { comparable(time) > comparable(other) }

    private static func comparable(_ time: String) -> String {
        let parts = time.prefix { $0 != "Z" }.split(separator: ".", maxSplits: 1)
        guard let seconds = parts.first else { return "" }
        let fraction = parts.count > 1 ? String(parts[1].prefix(9)) : ""
        return "\(seconds).\(fraction)" + String(repeating: "0", count: max(0, 9 - fraction.utf8.count))
    }

    static func of(unixMilliseconds: Int64) -> String {
        let (days, milliseconds) = divide(unixMilliseconds, by: 86_400_000)
        let (year, month, day) = date(days)
        let seconds = milliseconds / 1_000
        return "\(padded(year, 4))-\(padded(month, 2))-\(padded(day, 2))T\(padded(seconds / 3_600, 2)):"
            + "\(padded(seconds / 60 % 60, 2)):\(padded(seconds % 60, 2)).\(padded(milliseconds % 1_000, 3))Z"
    }

    private static func divide(_ value: Int64, by divisor: Int64) -> (quotient: Int64, remainder: Int64) {
        let (quotient, remainder) = value.quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }

    /// The date of a day counted from 1970-01-01, by eras of 400 years that begin in March.
    private static func date(_ days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let (era, dayOfEra) = divide(days + 719_468, by: 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shifted = (5 * dayOfYear + 2) / 153
        let month = shifted < 10 ? shifted + 3 : shifted - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shifted + 2) / 5 + 1)
    }

    private static func padded(_ value: Int64, _ digits: Int) -> String {
        let text = String(value)
        return String(repeating: "0", count: max(0, digits - text.utf8.count)) + text
    }
}
