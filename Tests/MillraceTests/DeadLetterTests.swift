@testable import Millrace
import MillraceTesting
import Testing

@Suite("A dead letter") struct DeadLetterTests {
    private let letter = Message(
        id: "m-1", payload: [1, 2, 255], key: "k",
        metadata: [
            "a": "b", "reason_poisoned": "why", "topic_poisoned": "orders", "handler_poisoned": "charge",
            "subscriber_poisoned": "memory", "millrace-poison-error-type": "Declined", "millrace-poison-attempts": "5",
            "millrace-poison-group": "billing", "millrace-poison-first-failed-at": "1000",
            "millrace-poison-last-failed-at": "2000", "millrace-replays": "2",
        ])

    @Test("is read from its message and written to an equal one") func roundTrip() throws {
        let read = try #require(DeadLetter(letter))
        #expect(read.reason == "why" && read.topic == "orders" && read.handler == "charge")
        #expect(read.transport == "memory" && read.errorType == "Declined" && read.attempts == 5)
        #expect(read.group == "billing" && read.firstFailedAt == 1_000 && read.lastFailedAt == 2_000)
        #expect(read.replays == 2)
        #expect(read.message.metadata == ["a": "b", "millrace-replays": "2"])
        #expect(read.message.id == letter.id && read.message.key == "k" && read.message.payload == letter.payload)
        #expect(read.letter == letter)
    }

    @Test("of Watermill has no more than its four keys") func watermill() throws {
        let read = try #require(
            DeadLetter(
                Message(
                    text: "x", metadata: ["reason_poisoned": "why", "topic_poisoned": "t", "handler_poisoned": "h"])))
        #expect(read.topic == "t" && read.attempts == nil && read.firstFailedAt == nil && read.group == nil)
    }

    @Test("needs the topic on which the message failed, and takes numbers that are none for absent") func malformed() throws {
        #expect(DeadLetter(Message(text: "x", metadata: ["reason_poisoned": "why"])) == nil)
        let read = try #require(
            DeadLetter(Message(text: "x", metadata: ["topic_poisoned": "t", "millrace-poison-attempts": "many"])))
        #expect(read.attempts == nil)
    }

    @Test("holds at most 4,096 bytes of the error's text, and whole characters") func longReason() async throws {
        struct Long: Error, CustomStringConvertible { let description: String }
        for text in [String(repeating: "é", count: 4_000), "x" + String(repeating: "é", count: 4_000)] {
            let bench = try Bench()
            let poison = try await TopicProbe(of: "poison", on: bench.broker)
            try await bench.run {
                PoisonQueue("poison", on: bench.broker)
            } handler: { _, _ in
                throw Long(description: text)
            } _: { _ in
                let reason = try #require(DeadLetter(try await poison.next())).reason
                #expect(reason.utf8.count <= 4_096 && reason.utf8.count > 4_090)
                #expect(reason.hasSuffix("é..."))
            }
        }
    }
}
