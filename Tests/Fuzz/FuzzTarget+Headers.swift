import CRabbitMQ
import CRdKafka
import Foundation

@testable import Millrace
import MillraceTransportKit
@testable import MillraceAMQP
@testable import MillraceKafka
@testable import MillraceNATS

extension FuzzTarget {
    /// What foreign producers put into headers, and brokers into theirs.
    static let headers: [FuzzTarget] = [
        FuzzTarget("kafka-headers", weight: 4) { bytes in
            let first = KafkaFields(bytes)
            let again = KafkaFields(message: first.message)
            return again == first ? nil : "\(first) comes back as \(again)"
        },
        FuzzTarget("nats-headers", weight: 2) { bytes in
            var first = NATSLayout.Fields()
            bytes.withUnsafeBytes { first.read($0) }
            var again = NATSLayout.Fields()
            Array(NATSText.headers(of: first).utf8).withUnsafeBytes { again.read($0) }
            return NATSText.isSame(first, again) ? nil : "\(first) comes back as \(again)"
        },
        text("nats-fields") { text in
            let fields = EncodedFields.parse(text)
            var written = ""
            for (name, value) in fields { EncodedFields.append(name, value, to: &written) }
            return EncodedFields.parse(written).elementsEqual(fields, by: ==) ? nil : "\(fields) come back otherwise"
        },
        text("nats-ack") { text in
            guard let one = text.withCString({ AckSubject($0) }) else { return nil }
            let written =
                "$JS.ACK.s.c.\(one.delivered).\(one.sequence).\(one.consumerSequence).\(one.time).\(one.pending)"
            guard one.delivered <= 1_000_000_000 else { return "it was handed out \(one.delivered) times" }
            guard let again = written.withCString({ AckSubject($0) }) else { return "'\(written)' can't be read" }
            return again.delivered == one.delivered && again.sequence == one.sequence && again.time == one.time
                && again.consumerSequence == one.consumerSequence && again.pending == one.pending
                ? nil : "it does not come back"
        },
        FuzzTarget("amqp-properties") { AMQPProperties.complaint(about: $0) },
        text("kafka-note", weight: 4) { text in
            // At the beginning of a partition, in its midst, and at the end of all numbers.
            for offset in [0, 1_000_000, Int64.max - 1_000] {
                let note = CommitNote(text, at: offset)
                let written = note.text(at: offset)
                let again = CommitNote(written, at: offset)
                // What does not fit is left out.
                guard written.utf8.count < 3_400 else { continue }
                guard again == note else { return "\(note) comes back as \(again)" }
                var progress = PartitionProgress(from: offset, note)
                for tried in note.attempts.keys.sorted() { _ = progress.arrive(tried) }
            }
            return nil
        },
        FuzzTarget("kafka-retry", weight: 2) { bytes in
            var options = KafkaOptions()
            options.retryTopics = [.seconds(1)]
            guard let selection = try? KafkaSelection("orders"),
                let topics = KafkaRetryTopics(options, selection, SubscriptionOptions(group: "ledger"))
            else { return "there are no topics for retries" }
            var message = message(bytes)
            guard let opened = topics.open(&message) else { return nil }
            let entry = DeliveryBuffer.Entry(message: message, attempt: opened.attempt, position: Position(low: 1))
            let now: Int64 = 1_000
            let wait = opened.wait(now: now, waited: .zero, usual: .seconds(1))
            let longest = opened.delay.map { Duration.milliseconds($0) } ?? .seconds(1)
            guard (.zero...longest).contains(wait) else { return "\(opened) waits for \(wait)" }
            var letter = topics.letter(of: entry, after: wait, now: now)
            guard let again = topics.open(&letter) else { return "what is tried again is another group's" }
            let kept = Duration.milliseconds(wait.nanosecondsClamped / 1_000_000)
            return again.wait(now: now, waited: .zero, usual: .zero) == kept
                && again.attempt == min(opened.attempt + 1, 1_000_000_000)
                ? nil : "\(opened) comes back as \(again)"
        },
    ]
}
