import Millrace

/// What the server says of one published message.
struct PublishAck: Sendable {
    enum Outcome: Sendable {
        /// It is in the stream.
        case stored
        /// The stream has had it before.
        case duplicate
        /// No stream has the subject.
        case noStream
        case refused(MillraceError)

        init(_ message: NATSMessage) {
            guard !message.isNoResponders else {
                self = .noStream
                return
            }
            // {"stream":"orders","seq":7}, and "duplicate": true behind it, is what all but always comes.
            let data = message.data
            if data.starts(with: #"{"stream":"#.utf8) {
                self = data.contains("\"duplicate\"") && data.contains("true") ? .duplicate : .stored
                return
            }
            self = .refused(JetStreamError.of(message.text, "publishing"))
        }
    }

    let number: UInt64
    let outcome: Outcome
}

extension UnsafeRawBufferPointer {
    /// Whether some text occurs in the bytes. They are few.
    fileprivate func contains(_ text: StaticString) -> Bool {
        let count = text.utf8CodeUnitCount
        guard self.count >= count else { return false }
        for start in 0...(self.count - count) where self[start] == text.utf8Start.pointee {
            if (0..<count).allSatisfy({ self[start + $0] == text.utf8Start[$0] }) { return true }
        }
        return false
    }
}
