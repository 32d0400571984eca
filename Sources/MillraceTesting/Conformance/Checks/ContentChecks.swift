import Millrace

/// Everything a message can hold.
extension ConformanceTest {
    static let content: [ConformanceTest] = [
        ConformanceTest("payloads", "Payloads of any bytes and of 0 bytes to 1 MiB come through.") { run in
            let all = (0...255).map { UInt8($0) }
            let payloads: [[UInt8]] = [
                [], [0], [255], all, all.reversed(), [0xC3, 0x28, 0xFF, 0xFE], Array("\r\n\0\"{}".utf8),
                run.bytes(min(1 << 20, run.subject.maximumPayload)),
            ]
            try await run.roundTrip(payloads.map { Message(payload: $0) })
        },
        ConformanceTest("largestPayload", "The largest payload that the transport promises comes through.") { run in
            try await run.roundTrip([Message(payload: run.bytes(run.subject.maximumPayload))])
        },
        ConformanceTest("metadata", "Metadata of any text comes through, and keys that differ in case stay apart.") { run in
            let many = Metadata((0..<100).map { (key: "key-\($0)", value: "value \($0)") })
            let metadata: [Metadata] = [
                [:], ["empty": ""], many, ["Case": "upper", "case": "lower", "CASE": "all"],
                ["größe": "naïve café", "鍵": "値", "ключ": "значение", "🗝️": "👩‍👩‍👧‍👦"],
                ["long": String(repeating: "x", count: 10_000)], ["quotes": #"{"a": [1, 'two', \\]}"#],
                ["content-type": "text/plain", "correlation_id": "c-1", "traceparent": "00-0-0-00"],
            ]
            try await run.roundTrip(metadata.map { Message(text: "x", metadata: $0) })
        },
        ConformanceTest("metadataKeysOccurOnce", "Setting a key twice leaves one pair, here and after the journey.") { run in
            var message = Message(text: "x", metadata: [:])
            message.metadata["key"] = "first"
            message.metadata["key"] = "second"
            let received = try await run.roundTrip([message])
            try expectEqual(received[0].message.metadata.filter { $0.key == "key" }.map(\.value), ["second"], "the pairs")
        },
        ConformanceTest("foreignIDs", "Ids of any text come through unchanged.") { run in
            let texts = [
                "1", "order-7", "01ARZ3NDEKTSV4RRFFQ69G5FAV", "0198F2C4-7B1E-7C3A-9D2E-5A6B7C8D9E0F",
                "0198f2c4-7b1e-7c3a-9d2e-5a6b7c8d9e0f", "00000000-0000-0000-0000-000000000000", "nachricht-ß-🚀",
                "with spaces and / slashes", String(repeating: "i", count: 1_000),
            ]
            try await run.roundTrip(texts.map { Message(id: MessageID($0), text: $0) })
        },
        ConformanceTest("keys", "Keys of any text come through, and a message without a key stays without.") { run in
            let keys: [String?] = [nil, "a", "customer 7", "ключ", "🔑", String(repeating: "k", count: 500)]
            try await run.roundTrip(keys.map { Message(text: "x", key: $0) })
        },
        ConformanceTest("positionsRise", "Positions rise in the order of delivery.", requires: .ordered) { run in
            let records = try await run.roundTrip(run.messages(20))
            for (left, right) in zip(records, records.dropFirst()) {
                try expect(left.position < right.position, "positions: expected \(left.position) < \(right.position)")
            }
        },
    ]
}

extension ConformanceRun {
    /// Bytes that follow no simple pattern, and whose blocks differ.
    func bytes(_ count: Int) -> [UInt8] {
        var bytes = (0..<UInt64(512)).flatMap { number in
            withUnsafeBytes(of: mix64(number &+ 1)) { Array($0) }
        }
        while bytes.count < count {
            bytes += bytes
            bytes[bytes.count / 2] ^= 0xFF
        }
        return Array(bytes.prefix(count))
    }

    /// Sends messages through a new topic and checks that they come out as they went in.
    @discardableResult
    func roundTrip(_ sent: [Message]) async throws -> [DeliveryRecord] {
        let topic = topic()
        let reader = try await subscribe(to: topic, group: nil)
        return try await publishing(sent, to: topic) {
            let received = try await reader.drain(sent.count)
            try expectSame(received, sent)
            return received
        }
    }
}
