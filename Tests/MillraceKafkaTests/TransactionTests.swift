import CRdKafka
import Millrace
import MillraceTesting
import Testing

@testable import MillraceKafka

extension KafkaTests {
    /// As far as the mock brokers go: they show what was aborted, and keep no offsets of transactions.
    @Suite("Transactions") struct Transactions {
        private let name = "transactions-\(MessageID.next())"

        /// The requests of Kafka's protocol that make up a transaction, by number.
        private enum Request {
            static let initProducer: Int16 = 22
            static let addPartitions: Int16 = 24
            static let addOffsets: Int16 = 25
            static let end: Int16 = 26
            static let offsetCommit: Int16 = 28
        }

        private func take(_ count: Int, from subscription: any Subscription) async throws -> [DeliveryRecord] {
            try await withTimeLimit(KafkaTests.patience, "\(count) deliveries") {
                var batch = DeliveryBatch()
                while batch.count < count, try await subscription.pull(into: &batch, upTo: count - batch.count) {}
                return Array(batch.records)
            }
        }

        private func open(
            _ cluster: MockCluster, messages: Int, _ observers: Observers = Observers()
        ) async throws -> (transport: KafkaTransport, reader: KafkaSubscription, outputs: TopicProbe) {
            for topic in ["\(name).in", "\(name).out"] { cluster.create(topic, partitions: 1) }
            let transport = try await KafkaTransport(cluster.options, observers: observers)
            try await transport.publish((0..<messages).map { Message(text: "\($0)") }, to: "\(name).in")
            let reader = try await transport.subscribe(
                to: "\(name).in", SubscriptionOptions(group: name, transactional: true))
            let outputs = try await TopicProbe(of: "\(name).out", on: transport)
            return (transport, try #require(reader as? KafkaSubscription), outputs)
        }

        private func outputs(of records: [DeliveryRecord]) -> [TopicMessages] {
            [TopicMessages(records.map { Message(text: "out \($0.message.payload.text ?? "")") }, to: "\(name).out")]
        }

        @Test("publish outputs and acknowledge inputs in one step") func commit() async throws {
            let (transport, reader, probe) = try await open(try MockCluster.shared.get(), messages: 3)
            let records = try await take(3, from: reader)
            try await reader.commit(outputs(of: records), acknowledging: records.map(\.token))
            #expect(try await probe.collect(3).map(\.payload.text) == ["out 0", "out 1", "out 2"])
            // They are settled: what is over can't be committed again, and nothing is published.
            let error = await #expect(throws: MillraceError.self) {
                try await reader.commit(outputs(of: records), acknowledging: [records[1].token])
            }
            #expect(error?.code == .invalidState)
            try await transport.publish(Message(text: "last"), to: "\(name).out")
            #expect(try await probe.next().payload.text == "last")
            await transport.close()
        }

        @Test("share one when they come together, and leave out what can't be published") func shared() async throws {
            let (transport, reader, probe) = try await open(try MockCluster.shared.get(), messages: 40)
            let first = try await take(20, from: reader)
            let before = reader.transactions?.count ?? 0
            try await withThrowingTaskGroup { group in
                for record in first {
                    group.addTask { try await reader.commit(outputs(of: [record]), acknowledging: [record.token]) }
                }
                try await group.waitForAll()
            }
            #expect((reader.transactions?.count ?? 0) - before < 20)
            #expect(Set(try await probe.collect(20).compactMap(\.payload.text)) == Set((0..<20).map { "out \($0)" }))
            let records = try await take(20, from: reader)
            let results = await withTaskGroup(of: (Int, Result<Void, any Error>).self) { group in
                for (index, record) in records.enumerated() {
                    var outputs = outputs(of: [record])
                    if index == 7 { outputs[0].messages[0] = Message(payload: [UInt8](repeating: 0, count: 5 << 20)) }
                    group.addTask { [outputs] in
                        do {
                            try await reader.commit(outputs, acknowledging: [record.token])
                            return (index, .success(()))
                        } catch {
                            return (index, .failure(error))
                        }
                    }
                }
                return await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
            }
            let failed = results.filter { if case .failure = $0.value { true } else { false } }
            #expect(failed.keys.sorted() == [7])
            let error = #expect(throws: MillraceError.self) { try failed[7]?.get() }
            #expect(error?.code == .invalidMessage && error?.isRetriable == false)
            let texts = try await probe.collect(19).compactMap(\.payload.text)
            #expect(Set(texts) == Set((20..<40).filter { $0 != 27 }.map { "out \($0)" }))
            await transport.close()
        }

        @Test(
            "that are refused leave everything as it was",
            arguments: [
                (Request.addPartitions, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED),
                (Request.offsetCommit, RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED),
                (Request.addOffsets, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH),
                (Request.addPartitions, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH),
            ])
        func refused(request: Int16, code: rd_kafka_resp_err_t) async throws {
            let cluster = try MockCluster()
            let (transport, reader, _) = try await open(cluster, messages: 2)
            let records = try await take(2, from: reader)
            cluster.fail(request, with: code, times: 1)
            await #expect(throws: MillraceError.self) {
                try await reader.commit(outputs(of: records), acknowledging: records.map(\.token))
            }
            // A producer that was fenced off is replaced.
            try await reader.commit(outputs(of: records), acknowledging: records.map(\.token))
            await transport.close()
        }

        @Test(
            "are tried again while that may help",
            arguments: [Request.addPartitions, Request.addOffsets, Request.offsetCommit, Request.end])
        func repeated(request: Int16) async throws {
            let cluster = try MockCluster()
            let (transport, reader, probe) = try await open(cluster, messages: 1)
            let records = try await take(1, from: reader)
            cluster.fail(request, with: RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS, times: 2)
            try await reader.commit(outputs(of: records), acknowledging: records.map(\.token))
            #expect(try await probe.next().payload.text == "out 0")
            await transport.close()
        }

        @Test("whose outcome is not known end the subscription, which commits nothing more") func doubt() async throws {
            let cluster = try MockCluster()
            let (transport, reader, _) = try await open(cluster, messages: 2)
            let records = try await take(2, from: reader)
            cluster.fail(Request.end, with: RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH, times: 1)
            await #expect(throws: MillraceError.self) {
                try await reader.commit(outputs(of: [records[0]]), acknowledging: [records[0].token])
            }
            await #expect(throws: MillraceError.self) {
                try await reader.commit(outputs(of: [records[1]]), acknowledging: [records[1].token])
            }
            await #expect(throws: MillraceError.self) { _ = try await take(1, from: reader) }
            let begun = reader.transactions?.count
            await reader.close()
            #expect(reader.transactions?.count == begun)
            // Whoever follows gets its id.
            let next = try await transport.subscribe(to: "\(name).in", SubscriptionOptions(group: name, transactional: true))
            let again = try await take(2, from: next)
            try await (next as? KafkaSubscription)?.commit(outputs(of: again), acknowledging: again.map(\.token))
            await transport.close()
        }

        @Test("carry dead letters as well") func rejected() async throws {
            let (transport, reader, _) = try await open(try MockCluster.shared.get(), messages: 1)
            let letters = try await TopicProbe(of: "\(name).in.dead-letter", on: transport)
            let record = try #require(try await take(1, from: reader).first)
            let before = reader.transactions?.count ?? 0
            reader.settle(record.token, .reject(reason: "no good"))
            let letter = try await letters.next()
            #expect(letter.payload.text == "0" && letter.metadata[MetadataKey.poisonReason] == "no good")
            try await reader.flush()
            #expect((reader.transactions?.count ?? 0) > before)
            await transport.close()
        }

        @Test("are what a handler asks for") func handler() async throws {
            let cluster = try MockCluster.shared.get()
            for topic in ["\(name).in", "\(name).out"] { cluster.create(topic, partitions: 4) }
            let transport = try await KafkaTransport(cluster.options, observers: Observers())
            let probe = try await TopicProbe(of: "\(name).out", on: transport)
            let router = Router(.init(observers: []))
            let failures = Lock(Set<String>())
            try router.handle(
                "double", from: "\(name).in", on: transport, to: "\(name).out",
                options: HandlerOptions(
                    concurrency: 4, group: .named(name), redelivery: .constant(.milliseconds(10)), transactional: true)
            ) { message, context in
                let text = message.payload.text ?? ""
                if text.hasSuffix("3"), failures.withLock({ $0.insert(text).inserted }) {
                    throw MillraceError(.invalidState, "not now", isRetriable: true)
                }
                return [Message(text: text, key: message.key), Message(text: text, key: message.key)]
            }
            try await withRunning(router) {
                try await transport.publish((0..<100).map { Message(text: "\($0)", key: "\($0)") }, to: "\(name).in")
                var counts: [String: Int] = [:]
                for message in try await probe.collect(200) { counts[message.payload.text ?? "", default: 0] += 1 }
                #expect(counts.count == 100 && counts.values.allSatisfy { $0 == 2 })
            }
            await transport.close()
        }

        @Test("need a group, and a handler that publishes where it reads") func registration() async throws {
            let cluster = try MockCluster.shared.get()
            cluster.create("\(name).in", partitions: 1)
            let (one, two) = (
                try await KafkaTransport(cluster.options, observers: Observers()),
                try await KafkaTransport(cluster.options, observers: Observers())
            )
            let router = Router(.init(observers: []))
            let elsewhere = #expect(throws: MillraceError.self) {
                try router.handle(
                    "h", from: "\(name).in", on: one, to: "o", publishingOn: two, options: HandlerOptions(transactional: true)
                ) { message, _ in [message] }
            }
            #expect(elsewhere?.code == .invalidOption && elsewhere?.message.contains("transactional") == true)
            #expect(throws: MillraceError.self) {
                try router.handle(
                    "h", from: "\(name).in", on: one, to: "o", options: HandlerOptions(group: .none, transactional: true)
                ) {
                    message, _ in [message]
                }
            }
            await #expect(throws: MillraceError.self) {
                _ = try await one.subscribe(to: "\(name).in", SubscriptionOptions(transactional: true))
            }
            let plain = try await one.subscribe(to: "\(name).in", SubscriptionOptions(group: name))
            await #expect(throws: MillraceError.self) {
                try await (plain as? KafkaSubscription)?.commit([], acknowledging: [])
            }
            await one.close()
            await two.close()
        }
    }
}
