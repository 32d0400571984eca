import Millrace

/// By what a stream knows a message that is published to a topic: `Nats-Msg-Id`.
///
/// A stream knows ids for all of its subjects together, and ids by others are shared by many messages. So it is the id and a hash of
/// topic, key and payload: what is published again is known, and what is passed on to another topic is another message. What was given
/// up, or brought back, differs in its metadata alone, which count then as well.
struct MessageIdentity {
    private let topic: ContentHash

    init(topic: String) {
        var hash = ContentHash()
        hash.combine(topic)
        self.topic = hash
    }

    /// Hands over the text: the id, if a header can hold it, and the hash in hexadecimal. A message without an id is always another.
    func write(of message: borrowing Message, _ body: (UnsafePointer<CChar>) -> Void) {
        let id = message.id
        guard id.high | id.low != 0 else {
            let text = id.description
            guard !text.isEmpty else { return }
            let shown = EncodedFields.isPlain(value: text) ? text : ""
            "\(shown)-\(String(hash(of: message, text), radix: 16))".withCString(body)
            return
        }
        let hash = hash(of: message, "")
        let count = UUIDBytes.count + 17
        withUnsafeTemporaryAllocation(byteCount: count + 1, alignment: 8) { bytes in
            guard let start = bytes.baseAddress else { return }
            UUIDBytes.write(id.high, id.low, to: start)
            bytes[UUIDBytes.count] = 0x2D
            for place in 0..<16 {
                let digit = UInt8(truncatingIfNeeded: hash >> UInt64(60 - 4 * place)) & 15
                bytes[UUIDBytes.count + 1 + place] = digit < 10 ? 0x30 + digit : 0x57 + digit
            }
            bytes[count] = 0
            body(start.assumingMemoryBound(to: CChar.self))
        }
    }

    private func hash(of message: borrowing Message, _ id: String) -> UInt64 {
        var hash = topic
        hash.combine(id)
        hash.combine(message.key ?? "")
        message.payload.withUnsafeBytes { hash.combine($0) }
        let metadata = message.metadata
        if !metadata.isEmpty { Self.add(metadata, to: &hash) }
        return hash.value
    }

    private static func add(_ metadata: Metadata, to hash: inout ContentHash) {
        guard metadata.contains(where: { $0.key == MetadataKey.poisonTopic || $0.key == MetadataKey.replays }) else { return }
        for (name, value) in metadata.sorted(by: { ($0.key, $0.value) < ($1.key, $1.value) }) {
            hash.combine(name)
            hash.combine(value)
        }
    }
}
