import Millrace
import MillraceAMQP
import MillraceTesting
import Testing

extension AMQPTests {
    @Suite("Messages") struct RefusedMessages {
        private let topic = "refused-\(MessageID.next())"

        private func connect() async throws -> AMQPTransport {
            try await AMQPTransport(AMQPOptions(url: try await Conformance.url), observers: Observers())
        }

        @Test("whose metadata does not fit are refused, all of their call") func tooLarge() async throws {
            let transport = try await connect()
            let probe = try await TopicProbe(of: topic, on: transport, group: "g")
            let wrong = [
                Message(text: "x", metadata: [String(repeating: "k", count: 256): "v"]),
                Message(text: "x", metadata: ["k": String(repeating: "v", count: 140_000)]),
                Message(text: "x", metadata: [AMQPMetadata.priority: "300"]),
                Message(text: "x", metadata: [AMQPMetadata.expiration: "soon"]),
            ]
            for message in wrong {
                let error = await #expect(throws: MillraceError.self) {
                    try await transport.publish([Message(text: "good"), message], to: topic)
                }
                #expect(error?.code == .invalidMessage)
            }
            // Nearly a whole frame of it.
            let large = Message(text: "large", metadata: ["k": String(repeating: "v", count: 129_000)])
            try await transport.publish(large, to: topic)
            #expect(try await probe.next() == large)
            await transport.close()
        }
    }
}
