/// Times as people and other machines read them.
enum Timestamp {
    /// RFC 3339 in UTC with milliseconds: `2026-11-23T10:00:00.000Z`.
    static func text(unixMilliseconds: Int64) -> String {
        let (seconds, milliseconds) = floorDivide(unixMilliseconds, by: 1_000)
        return "\(date(unixSeconds: seconds)).\(padded(milliseconds, 3))Z"
    }

    /// The same with nanoseconds: `2026-11-23T10:00:00.000000000Z`.
    static func text(unixNanoseconds: Int64) -> String {
        let (seconds, nanoseconds) = floorDivide(unixNanoseconds, by: 1_000_000_000)
        return "\(date(unixSeconds: seconds)).\(padded(nanoseconds, 9))Z"
    }

    /// The calendar arithmetic is Howard Hinnant's `civil_from_days` (chrono-Compatible Low-Level Date Algorithms).
    private static func date(unixSeconds: Int64) -> String {
        let (days, seconds) = floorDivide(unixSeconds, by: 86_400)
        let (era, dayOfEra) = floorDivide(days + 719_468, by: 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)

        let date = "\(padded(year, 4))-\(padded(month, 2))-\(padded(day, 2))"
        let time = "\(padded(seconds / 3_600, 2)):\(padded(seconds / 60 % 60, 2)):\(padded(seconds % 60, 2))"
        return "\(date)T\(time)"
    }

    private static func floorDivide(_ value: Int64, by divisor: Int64) -> (quotient: Int64, remainder: Int64) {
        let remainder = (value % divisor + divisor) % divisor
        return ((value - remainder) / divisor, remainder)
    }

    private static func padded(_ value: Int64, _ width: Int) -> String {
        let digits = String(value)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}
