/// Numbers in decimal digits, without a `String`.
enum DecimalText {
    /// How many digits a number has.
    @inline(__always)
    static func length(_ number: UInt) -> Int {
        if number < 10 { return 1 }
        if number < 100 { return 2 }
        if number < 1_000 { return 3 }
        if number < 10_000 { return 4 }
        return longLength(number)
    }

    private static func longLength(_ number: UInt) -> Int {
        var rest = number / 10_000
        var digits = 4
        while rest > 0 {
            rest /= 10
            digits += 1
        }
        return digits
    }

    /// Writes a number's digits, at most 20, and returns how many.
    @inline(__always)
    static func write(_ number: UInt, to start: UnsafeMutableRawPointer) -> Int {
        let digits = length(number)
        var rest = number
        var position = digits
        repeat {
            position -= 1
            start.storeBytes(of: UInt8(truncatingIfNeeded: 0x30 + rest % 10), toByteOffset: position, as: UInt8.self)
            rest /= 10
        } while position > 0
        return digits
    }
}
