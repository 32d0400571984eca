import CRdKafka
import Millrace

/// A producer of librdkafka with a transactional id. All calls block, and are made by one thread at a time.
final class TransactionalProducer: @unchecked Sendable {
    // Safe to share: librdkafka guards its handles by locks of its own.
    private let handle: KafkaHandle
    private let timeout: Duration
    /// The transactional id. Whoever begins with the same one ends what this one has begun.
    let id: String

    private init(_ handle: KafkaHandle, id: String, _ timeout: Duration) {
        self.handle = handle
        self.id = id
        self.timeout = timeout
    }

    /// A producer that is ready for transactions. Whatever another one with the same id had begun is finished or given up by then.
    static func make(_ options: KafkaOptions, id: String) throws -> TransactionalProducer {
        let timeout = options.transactionTimeout
        let properties =
            options.producerProperties + [
                ("transactional.id", id), ("transaction.timeout.ms", "\(Int(timeout / .milliseconds(1)))"),
                // No message outlives its transaction.
                ("delivery.timeout.ms", "\(Int(min(options.deliveryTimeout, timeout) / .milliseconds(1)))"),
            ]
        // Without reports of single messages: the transaction's outcome is theirs.
        let handle = try KafkaHandle(RD_KAFKA_PRODUCER, properties, events: 0)
        let producer = TransactionalProducer(handle, id: id, timeout)
        try producer.step("init") { rd_kafka_init_transactions(handle.raw, producer.milliseconds) }
        return producer
    }

    private var milliseconds: Int32 { Int32(clamping: Int(timeout / .milliseconds(1))) }

    func begin() throws { try step("begin") { rd_kafka_begin_transaction(handle.raw) } }

    /// Gives messages to librdkafka, in the order in which they are.
    func produce(_ outputs: TopicMessages) throws {
        let topic = rd_kafka_topic_new(handle.raw, outputs.topic, nil)
        defer { rd_kafka_topic_destroy(topic) }
        for message in outputs.messages {
            var record = KafkaRecord(topic, nil)
            do {
                try record.read(message.metadata, isEmpty: message.payload.isEmpty)
            } catch {
                throw TransactionFailure(.abort, error)
            }
            while true {
                let headers = KafkaLayout.headers(of: message)
                let code = record.produce(message, headers, handle.raw)
                if code == RD_KAFKA_RESP_ERR_NO_ERROR { break }
                rd_kafka_headers_destroy(headers)
                guard code == RD_KAFKA_RESP_ERR__QUEUE_FULL else {
                    let consequence: TransactionFailure.Consequence =
                        code == RD_KAFKA_RESP_ERR__FATAL || code == RD_KAFKA_RESP_ERR__FENCED ? .fatal : .abort
                    throw TransactionFailure(consequence, KafkaError.make(code, topic: outputs.topic))
                }
                // What is sent makes room.
                rd_kafka_poll(handle.raw, 10)
            }
        }
    }

    /// Adds a group's offsets to the transaction, on behalf of one of its members.
    func send(_ offsets: KafkaPartitions, of consumer: KafkaHandle) throws {
        guard let member = rd_kafka_consumer_group_metadata(consumer.raw) else {
            throw TransactionFailure(.abort, MillraceError(.invalidState, "the consumer is in no group", isRetriable: true))
        }
        defer { rd_kafka_consumer_group_metadata_destroy(member) }
        try step("offsets") { rd_kafka_send_offsets_to_transaction(handle.raw, offsets.raw, member, milliseconds) }
    }

    /// Waits until the brokers have all messages. What goes wrong by then is no matter of the commit.
    func flush() throws {
        let code = rd_kafka_flush(handle.raw, milliseconds)
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR else {
            throw TransactionFailure(.abort, KafkaError.make(code, "transaction, flush: \(KafkaError.name(code))"))
        }
        var text = [CChar](repeating: 0, count: 256)
        let fatal = rd_kafka_fatal_error(handle.raw, &text, text.count)
        guard fatal == RD_KAFKA_RESP_ERR_NO_ERROR else {
            throw TransactionFailure(.fatal, KafkaError.make(fatal, "transaction, flush: \(KafkaHandle.string(text))"))
        }
    }

    func commit() throws { try step("commit") { rd_kafka_commit_transaction(handle.raw, milliseconds) } }
    func abort() throws { try step("abort") { rd_kafka_abort_transaction(handle.raw, milliseconds) } }

    /// Makes a step, again as long as that may help, for twice the time that brokers give a transaction.
    private func step(_ name: String, _ body: () -> OpaquePointer?) throws {
        let deadline = ContinuousClock.now + timeout * 2
        while let raw = body() {
            let failure = TransactionFailure(taking: raw, name)
            guard failure.consequence == .repeatable else { throw failure }
            guard ContinuousClock.now < deadline else { throw TransactionFailure(.fatal, failure.error) }
        }
    }
}
