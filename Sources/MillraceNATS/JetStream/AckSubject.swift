import Millrace

/// What the subject says at which a message of JetStream's is acknowledged:
/// `$JS.ACK.<stream>.<consumer>.<delivered>.<stream sequence>.<consumer sequence>.<time>.<pending>`, with domain and account behind
/// `ACK` and a token at the end on servers that have these.
struct AckSubject {
    let delivered: Int
    let sequence: UInt64
    let consumerSequence: UInt64
    /// When the stream took it in, in nanoseconds since 1970.
    let time: UInt64
    /// How many messages there are behind it for the consumer.
    let pending: UInt64

    /// Nil for the subject of anything else.
    init?(_ subject: UnsafePointer<CChar>) {
        guard subject[0] == 0x24, subject[1] == 0x4A, subject[2] == 0x53, subject[3] == 0x2E, subject[4] == 0x41 else {
            return nil
        }
        var starts: (Int, Int, Int, Int, Int, Int, Int, Int, Int, Int, Int, Int, Int) = (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
        let numbers = withUnsafeMutableBytes(of: &starts) { bytes -> (UInt64, UInt64, UInt64, UInt64, UInt64)? in
            let starts = bytes.bindMemory(to: Int.self)
            var count = 1
            var index = 0
            while subject[index] != 0 {
                if subject[index] == 0x2E {
                    guard count < starts.count else { return nil }
                    starts[count] = index + 1
                    count += 1
                }
                index += 1
            }
            guard count == 9 || count >= 11 else { return nil }
            let first = count == 9 ? 4 : 6
            guard let delivered = Self.number(subject + starts[first]), let sequence = Self.number(subject + starts[first + 1]),
                let consumer = Self.number(subject + starts[first + 2]), let time = Self.number(subject + starts[first + 3]),
                let pending = Self.number(subject + starts[first + 4])
            else { return nil }
            return (delivered, sequence, consumer, time, pending)
        }
        guard let numbers else { return nil }
        delivered = Int(attempts: numbers.0)
        (sequence, consumerSequence, time, pending) = (numbers.1, numbers.2, numbers.3, numbers.4)
    }

    private static func number(_ text: UnsafePointer<CChar>) -> UInt64? {
        var number: UInt64 = 0
        var digit = text
        while digit.pointee != 0, digit.pointee != 0x2E {
            let value = UInt8(bitPattern: digit.pointee) &- 0x30
            guard value < 10 else { return nil }
            number = number &* 10 &+ UInt64(value)
            digit += 1
        }
        return digit == text ? nil : number
    }
}
