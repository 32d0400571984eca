import Millrace
import MillraceTesting
import Testing

/// Messages between Millrace and other clients of each broker, in both directions.
///
/// What is compared are bytes: those that the layout's description asks for, written down in ``Sample``, and not those that the
/// code under test makes of a message.
@Suite(.timeLimit(.minutes(5))) enum InteroperabilityTests {
    /// How long to wait for what has to come: long, since a machine may be slow, and only a failure ever waits so long.
    static let patience = Duration.seconds(60)

    /// A name that nobody has used. Without an underscore, which has a meaning in names of queues.
    static func name(_ hint: String) -> String { "\(hint)-\(MessageID.next())" }

    /// The next messages of a subscription, acknowledged.
    static func take(_ count: Int, of subscription: any Subscription) async throws -> [Message] {
        try await withTimeLimit(patience, "\(count) messages of '\(subscription.topic)'") {
            var messages: [Message] = []
            while messages.count < count {
                var batch = DeliveryBatch()
                guard try await subscription.pull(into: &batch, upTo: count - messages.count) else { break }
                messages += batch.records.map(\.message)
                subscription.acknowledge(batch.records.map(\.token))
            }
            return messages
        }
    }

    /// Checks what came of the samples, in their order.
    static func expect(_ messages: [Message], are samples: [Sample]) {
        #expect(messages.count == samples.count)
        for (message, sample) in zip(messages, samples) {
            #expect(message.id == sample.message.id, "\(sample.name)")
            #expect(message.key == sample.message.key, "\(sample.name)")
            #expect(message.metadata == sample.message.metadata, "\(sample.name)")
            // Not as one expression: a mebibyte would be printed.
            let isSame = message.payload == sample.message.payload
            #expect(isSame, "\(sample.name): \(message.payload.count) bytes that are not those of the sample")
        }
    }

    /// Checks what a client has found of the samples, in their order.
    static func expect(_ records: [WireRecord], are expected: [(name: String, record: WireRecord)], fieldsHaveOrder: Bool) {
        #expect(records.count == expected.count)
        for (record, expected) in zip(records, expected) {
            let isSame = fieldsHaveOrder ? record == expected.record : record.sorted == expected.record.sorted
            #expect(isSame, "\(expected.name): \(record), not \(expected.record)")
        }
    }
}
