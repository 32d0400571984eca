/// The subject at which the answer to a numbered message arrives, written anew for each without making a string.
struct ReplySubject {
    private var bytes: [CChar]
    private let prefix: Int

    /// `prefix` is what stands before the number.
    init(_ prefix: String) {
        bytes = prefix.utf8.map { CChar(bitPattern: $0) }
        self.prefix = bytes.count
        bytes += [CChar](repeating: 0, count: 21)
    }

    mutating func with<Result>(_ number: UInt64, _ body: (UnsafePointer<CChar>) -> Result) -> Result {
        var digits = 1
        var rest = number / 10
        while rest > 0 {
            digits += 1
            rest /= 10
        }
        rest = number
        for place in stride(from: prefix + digits - 1, through: prefix, by: -1) {
            bytes[place] = CChar(0x30 + rest % 10)
            rest /= 10
        }
        bytes[prefix + digits] = 0
        return bytes.withUnsafeBufferPointer { body($0.baseAddress.unsafelyUnwrapped) }
    }
}
