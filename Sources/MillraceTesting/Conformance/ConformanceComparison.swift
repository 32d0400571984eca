import Millrace

/// Throws unless the deliveries are the messages that were sent, each once, in any order.
func expectSame(_ received: [DeliveryRecord], _ sent: [Message], _ purpose: String = "the deliveries") throws {
    try expectSame(received.map(\.message), sent, purpose)
}

/// Throws unless the messages are those that were sent, each once, in any order.
func expectSame(_ received: [Message], _ sent: [Message], _ purpose: String) throws {
    var left = Dictionary(sent.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
    for message in received {
        guard let original = left.removeValue(forKey: message.id) else {
            let isKnown = sent.contains { $0.id == message.id }
            throw ConformanceFailure(
                "\(purpose): \(isKnown ? "came twice" : "was not sent"): \(message), '\(message.payload.text ?? "")'")
        }
        try expectSame(message, original)
    }
    if let missing = left.values.first {
        throw ConformanceFailure("\(purpose): \(left.count) of \(sent.count) did not come, for example \(missing)")
    }
}

/// Throws unless a message has come through unchanged. Metadata that the transport has added is fine.
func expectSame(_ received: Message, _ sent: Message) throws {
    try expectEqual(received.id, sent.id, "the id")
    try expectEqual(received.key, sent.key, "the key of \(sent.id)")
    try expectEqual(received.payload.count, sent.payload.count, "the number of bytes of \(sent.id)")
    try expect(received.payload == sent.payload, "the payload of \(sent.id): expected the same bytes, got others")
    for (key, value) in sent.metadata {
        try expectEqual(received.metadata[key], value, "the metadata '\(key)' of \(sent.id)")
    }
    let keys = received.metadata.map(\.key)
    try expectEqual(Set(keys).count, keys.count, "the number of different metadata keys of \(sent.id)")
}

/// Throws unless the deliveries are the messages that were sent, in their order.
func expectInOrder(_ received: [DeliveryRecord], _ sent: [Message], _ purpose: String = "the deliveries") throws {
    try expectSame(received, sent, purpose)
    for (index, pair) in zip(received, sent).enumerated() where pair.0.message.id != pair.1.id {
        throw ConformanceFailure("\(purpose): at \(index) expected '\(pair.1.payload.text ?? "")', got '\(pair.0.text)'")
    }
}
