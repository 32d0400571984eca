#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// An axis from zero on, with ticks at numbers that people like: 1, 2 or 5 with zeros behind them.
struct ChartScale: Equatable {
    /// The distance of two ticks.
    let step: Double
    /// The last tick, at or beyond everything that is shown.
    let maximum: Double

    /// With so many steps at most. What is shown is zero or more and finite; of nothing but zeros the axis ends at 1.
    init(upTo highest: Double, steps: Int = 6) {
        let highest = highest > 1e-9 && highest.isFinite ? highest : 1
        let rough = highest / Double(max(1, steps))
        let power = pow(10, floor(log10(rough)))
        step = ([1, 2, 5].first { $0 * power >= rough * 0.999_999 } ?? 10) * power
        // What ends at a tick, but for a rounding error, needs no further one.
        maximum = max(1, (highest / step - 1e-6).rounded(.up)) * step
    }

    var ticks: [Double] { (0...Int((maximum / step).rounded())).map { Double($0) * step } }

    /// Where a value is, in a width; what lies beyond an end is at the end.
    func position(_ value: Double, in width: Double) -> Double { min(1, max(0, value / maximum)) * width }
}

/// Rates as they stand beside bars and below axes.
enum ChartNumber {
    /// With three digits: `950`, `6.75 M`, `273 k`.
    static func text(_ value: Double) -> String {
        for (unit, name) in [(1e9, " G"), (1e6, " M"), (1e3, " k")] where value >= unit * 0.999_5 {
            return digits(value / unit) + name
        }
        return digits(value)
    }

    private static func digits(_ value: Double) -> String {
        value >= 99.95 ? value.text(0) : trimmed(value.text(value >= 9.995 ? 1 : 2))
    }

    /// Without zeros behind the point.
    private static func trimmed(_ text: String) -> String {
        var text = text[...]
        while text.last == "0" { text.removeLast() }
        if text.last == "." { text.removeLast() }
        return String(text)
    }
}
