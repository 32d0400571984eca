/// What the suite knows a message by: the producer's run, the key, and the number among those of the key.
struct RecordID: Hashable, Comparable, CustomStringConvertible {
    let run: Int
    let key: Int
    let sequence: Int

    var description: String { "\(run)/\(key)/\(sequence)" }

    /// Messages of a key are published in this order.
    static func < (left: RecordID, right: RecordID) -> Bool {
        (left.run, left.key, left.sequence) < (right.run, right.key, right.sequence)
    }

    /// The message's key as the transport has it.
    var messageKey: String { "key-\(key)" }
}

/// A message's content: its id, and something that follows from it, so that a payload that was changed on its way is noticed.
enum RecordText {
    static func text(of record: RecordID) -> String { "\(record.run) \(record.key) \(record.sequence) \(filler(of: record))" }

    /// Nil for what is not of the suite, or not as it was sent.
    static func record(in text: String?, key: String?) -> RecordID? {
        guard let words = text?.split(separator: " "), words.count == 4,
            let run = Int(words[0]), let sequenceKey = Int(words[1]), let sequence = Int(words[2])
        else { return nil }
        let record = RecordID(run: run, key: sequenceKey, sequence: sequence)
        return words[3] == filler(of: record) && key == record.messageKey ? record : nil
    }

    /// Sixty-four digits that no other record has.
    private static func filler(of record: RecordID) -> String {
        var hash = StableHash()
        for number in [record.run, record.key, record.sequence] { hash.combine("\(number);") }
        return (0..<4).map { part -> String in
            hash.combine("\(part)")
            let digits = String(hash.value, radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }.joined()
    }
}

/// FNV-1a: a hash that is the same in every process, from run to run.
struct StableHash {
    private(set) var value: UInt64 = 0xCBF2_9CE4_8422_2325

    mutating func combine(_ text: String) {
        for byte in text.utf8 { value = (value ^ UInt64(byte)) &* 0x100_0000_01B3 }
    }

    static func of(_ texts: String...) -> UInt64 {
        var hash = StableHash()
        for text in texts { hash.combine(text + "\n") }
        return hash.value
    }
}
