@testable import Millrace
import TestSupport
import MillraceMemory
import MillraceTesting
import Testing

@Suite(.timeLimit(.minutes(1))) struct TransformTests {
    private static let upper: Transform.Change = { message in
        Message(
            id: message.id, text: message.payload.text?.uppercased() ?? "", key: message.key, metadata: message.metadata)
    }
    private static let marked: Transform.Change = { message in
        var message = message
        message.metadata["marked"] = "yes"
        return message
    }

    @Test("Inputs are decoded and outputs encoded, those for other topics included")
    func bothWays() async throws {
        let bench = try Bench()
        let other = try await TopicProbe(of: "other", on: bench.broker)
        let seen = Box("")
        try await bench.run([Message(text: "abc", key: "k")]) {
            Transform(decoding: Self.upper, encoding: Self.marked)
        } handler: { message, _ in
            seen.update { $0 = message.payload.text ?? "" }
            #expect(message.key == "k")
            return [message, message] + .to("other", message)
        } _: { out in
            for message in try await out.collect(2) + [other.next()] {
                #expect(message.payload.text == "ABC")
                #expect(message.metadata["marked"] == "yes")
            }
        }
        #expect(seen.value == "ABC")
    }

    @Test("What stands outside has the message as it came")
    func outsideSeesTheOriginal() async throws {
        let bench = try Bench()
        let poisoned = try await TopicProbe(of: "poison", on: bench.broker)
        try await bench.run([Message(text: "abc")]) {
            PoisonQueue("poison", on: bench.broker)
            Transform(decoding: Self.upper)
        } handler: { message, _ in
            throw Reject(message.payload.text ?? "")
        } _: { _ in
            let message = try await poisoned.next()
            #expect(message.payload.text == "abc")
            #expect(message.metadata[MetadataKey.poisonReason] == "ABC")
        }
    }

    @Test("An error on either way keeps outputs from being published", arguments: [true, false])
    func errors(decoding: Bool) async throws {
        let bench = try Bench()
        let poisoned = try await TopicProbe(of: "poison", on: bench.broker)
        let refuse: Transform.Change = { _ in throw MillraceError(.decodingFailed, "no", isRetriable: false) }
        let calls = Box(0)
        try await bench.run {
            PoisonQueue("poison", on: bench.broker)
            decoding ? Transform(decoding: refuse) : Transform(encoding: refuse)
        } handler: { message, _ in
            calls.update { $0 += 1 }
            return [message]
        } _: { out in
            let found = try await poisoned.next().metadata[MetadataKey.poisonReason]
            #expect(found == "decodingFailed: no")
            #expect(out.messages.isEmpty)
        }
        #expect(calls.value == (decoding ? 0 : 1))
    }

    @Test("It is described by its name")
    func name() throws {
        #expect(Transform(name: "Envelope").name == "Envelope")
        #expect(Transform().name == "Transform")
    }
}
