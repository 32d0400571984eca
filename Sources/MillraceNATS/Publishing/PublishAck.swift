import Millrace

/// What the server says of one published message.
struct PublishAck: Sendable {
    enum Outcome: Sendable {
        /// It is in the stream.
        case stored
        /// The stream has had it before.
        case duplicate
        case refused(MillraceError)
    }

    let number: UInt64
    let outcome: Outcome

    /// Nil when it is the answer to something else.
    init?(_ message: NATSMessage) {
        guard let number = Self.number(of: message.subject) else { return nil }
        self.number = number
        // {"stream":"orders","seq":7}, and "duplicate": true behind it, is what all but always comes.
        let data = message.data
        if data.hasPrefix(#"{"stream":"#) {
            outcome = data.hasSuffix("true}") ? .duplicate : .stored
        } else {
            outcome = data.isEmpty ? .stored : .refused(JetStreamError.of(message.text, "publishing"))
        }
    }

    /// The number at the end of a subject.
    static func number(of subject: UnsafePointer<CChar>?) -> UInt64? {
        guard let subject else { return nil }
        var number: UInt64 = 0
        var next = subject
        var hasDigits = false
        while next.pointee != 0 {
            let value = UInt8(bitPattern: next.pointee) &- 0x30
            if value < 10 {
                number = number &* 10 &+ UInt64(value)
                hasDigits = true
            } else {
                (number, hasDigits) = (0, false)
            }
            next += 1
        }
        return hasDigits ? number : nil
    }
}
