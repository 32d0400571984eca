import Millrace
import MillraceAMQP
import MillraceTesting
import Testing

extension AMQPTests {
    /// Exchanges and queues other than the default ones.
    @Suite("Topologies") struct Topologies {
        private let topic = "topology-\(MessageID.next())"

        private func connect(
            _ topology: AMQPTopology, _ change: (inout AMQPOptions) -> Void = { _ in }
        ) async throws -> AMQPTransport {
            var options = try AMQPOptions(url: try await Conformance.url)
            options.topology = topology
            change(&options)
            return try await AMQPTransport(options, observers: Observers())
        }

        private func take(_ count: Int, of subscription: any Subscription) async throws -> [DeliveryRecord] {
            try await withTimeLimit(AMQPTests.patience, "\(count) deliveries") {
                var batch = DeliveryBatch()
                while batch.count < count, try await subscription.pull(into: &batch, upTo: count - batch.count) {}
                return Array(batch.records)
            }
        }

        @Test("with one exchange route by patterns, and tell the routing key") func patterns() async throws {
            let transport = try await connect(.topic(exchange: "exchange-\(topic)"))
            let german = try await transport.subscribe(to: "orders.de.*", SubscriptionOptions(group: "g"))
            let all = try await transport.subscribe(to: "orders.#", SubscriptionOptions(group: "g"))
            for name in ["orders.de.new", "orders.fr.new"] { try await transport.publish(Message(text: name), to: name) }
            try await transport.publish(
                Message(text: "own key", metadata: [AMQPMetadata.routingKey: "orders.de.own"]), to: "orders.fr.new")
            let some = try await take(2, of: german)
            #expect(some.map { $0.message.payload.text } == ["orders.de.new", "own key"])
            #expect(some[0].message.metadata[AMQPMetadata.receivedRoutingKey] == "orders.de.new")
            #expect(some.map { $0.message.metadata[MetadataKey.topic] } == ["orders.de.new", "orders.de.own"])
            // It comes back to this group alone, and still says where it was published.
            german.settle(some[0].token, .retry(after: .milliseconds(20)))
            let again = try await take(1, of: german)
            #expect(again[0].attempt == 2)
            #expect(again[0].message.metadata[AMQPMetadata.receivedRoutingKey] == "orders.de.new")
            #expect(try await take(3, of: all).map { $0.attempt } == [1, 1, 1])
            await transport.close()
        }

        @Test("tell whether there is a topic, and make none", arguments: [AMQPTopology.publishSubscribe, .queue])
        func directory(_ topology: AMQPTopology) async throws {
            let transport = try await connect(topology)
            let poison = topic + ".poison"
            await #expect(throws: MillraceError.self) { try await Replay(from: poison, on: transport).run() }
            #expect(try await transport.hasTopic(poison) == false)
            try await transport.publish(Message(text: "1"), to: topic)
            #expect(try await transport.hasTopic(topic))
            let error = try await #require(throws: MillraceError.self) { try await transport.topics() }
            #expect(error.code == .unsupported)
            #expect(error.message.contains("management plugin") && error.message.contains("rabbitmqctl list_queues"))
            try await transport.remove(topic: topic)
            #expect(try await transport.hasTopic(topic) == false)
            await transport.close()
        }

        @Test("of queues share messages, whatever the group") func queue() async throws {
            let transport = try await connect(.queue)
            #expect(!transport.capabilities.contains(.groups))
            // There is no reader yet, and the queue keeps them.
            try await transport.publish((0..<20).map { Message(text: "\($0)") }, to: topic)
            let one = try await transport.subscribe(to: topic, SubscriptionOptions(group: "one", prefetch: 10))
            let two = try await transport.subscribe(to: topic, SubscriptionOptions(prefetch: 10))
            let (first, second) = (try await take(10, of: one), try await take(10, of: two))
            #expect(Set((first + second).map(\.message.id)).count == 20)
            try await transport.remove(topic: topic)
            await transport.close()
        }

        @Test("may require that somebody takes a message") func mandatory() async throws {
            var topology = AMQPTopology.publishSubscribe
            topology.requiresRoute = true
            let transport = try await connect(topology)
            let error = await #expect(throws: MillraceError.self) {
                try await transport.publish([Message(text: "a"), Message(text: "b")], to: topic)
            }
            #expect(error?.code == .publishFailed && error?.failures.map(\.index) == [0, 1])
            #expect(error.map { "\($0)" }?.contains("NO_ROUTE") == true)
            let reader = try await transport.subscribe(to: topic, SubscriptionOptions(group: "g"))
            try await transport.publish(Message(text: "c"), to: topic)
            #expect(try await take(1, of: reader).first?.message.payload.text == "c")
            await transport.close()
        }

        @Test("that contradict what is there fail in the broker's words, and nothing else fails") func mismatch() async throws {
            let first = try await connect(.publishSubscribe)
            try await first.prepare(topic: topic, group: "g")
            var other = AMQPTopology.publishSubscribe
            other.queueType = .quorum
            let transport = try await connect(other)
            let error = await #expect(throws: MillraceError.self) {
                try await transport.subscribe(to: topic, SubscriptionOptions(group: "g"))
            }
            #expect(error?.code == .invalidConfiguration && error?.isRetriable == false)
            #expect(error?.message.contains("PRECONDITION_FAILED - inequivalent arg 'x-queue-type'") == true)
            let reader = try await transport.subscribe(to: topic, SubscriptionOptions(group: "h"))
            try await transport.publish(Message(text: "still there"), to: topic)
            #expect(try await take(1, of: reader).first?.message.payload.text == "still there")
            await transport.close()
            await first.close()
        }

        @Test("that are not to be declared have to be there") func passive() async throws {
            var topology = AMQPTopology.publishSubscribe
            topology.declares = false
            let transport = try await connect(topology)
            let error = await #expect(throws: MillraceError.self) { try await transport.publish(Message(text: "x"), to: topic) }
            let reason = error?.failures.first?.error as? MillraceError
            #expect(reason?.code == .invalidConfiguration && reason?.message.contains("NOT_FOUND") == true)
            let maker = try await connect(.publishSubscribe)
            try await maker.prepare(topic: topic, group: "g")
            try await transport.publish(Message(text: "x"), to: topic)
            let reader = try await transport.subscribe(to: topic, SubscriptionOptions(group: "g"))
            #expect(try await take(1, of: reader).first?.message.payload.text == "x")
            await transport.close()
            await maker.close()
        }

        @Test("with priorities hand out the higher ones first") func priorities() async throws {
            var topology = AMQPTopology.publishSubscribe
            topology.priorities = 5
            let transport = try await connect(topology)
            try await transport.prepare(topic: topic, group: "g")
            let messages = [0, 5, 3].map { Message(text: "\($0)", metadata: [AMQPMetadata.priority: "\($0)"]) }
            try await transport.publish(messages, to: topic)
            let reader = try await transport.subscribe(to: topic, SubscriptionOptions(group: "g", prefetch: 1))
            var order: [String?] = []
            for _ in 0..<3 {
                let record = try await take(1, of: reader)[0]
                order.append(record.message.metadata[AMQPMetadata.priority])
                reader.acknowledge([record.token])
            }
            #expect(order == ["5", "3", "0"])
            await transport.close()
        }

        @Test("with one active consumer give all to one member, and to another when it is gone") func singleActive() async throws
        {
            var topology = AMQPTopology.publishSubscribe
            topology.hasSingleActiveConsumer = true
            let transport = try await connect(topology)
            let options = SubscriptionOptions(group: "g", ordered: .byKey)
            let one = try await transport.subscribe(to: topic, options)
            let two = try await transport.subscribe(to: topic, options)
            try await transport.publish((0..<10).map { Message(text: "\($0)", key: "\($0 % 2)") }, to: topic)
            let first = try await take(2, of: one)
            one.acknowledge(first.map(\.token))
            try await one.flush()
            await one.close()
            var order: [Int] = []
            while order.count < 8 {
                let record = try await take(1, of: two)[0]
                order.append(Int(record.message.payload.text ?? "") ?? -1)
                two.acknowledge([record.token])
            }
            #expect(order == Array(2..<10))
            await transport.close()
        }

        @Test("with an exclusive consumer refuse another one") func exclusive() async throws {
            var topology = AMQPTopology.publishSubscribe
            topology.isExclusive = true
            let transport = try await connect(topology)
            let one = try await transport.subscribe(to: topic, SubscriptionOptions(group: "g"))
            let error = await #expect(throws: MillraceError.self) {
                try await transport.subscribe(to: topic, SubscriptionOptions(group: "g"))
            }
            #expect(error?.message.contains("exclusive") == true)
            try await transport.publish(Message(text: "x"), to: topic)
            #expect(try await take(1, of: one).count == 1)
            await transport.close()
        }

        @Test("keep what the broker drops, where they have a dead-letter exchange") func brokersDeadLetters() async throws {
            var topology = AMQPTopology.publishSubscribe
            topology.deadLetterExchange = "dropped-\(topic)"
            let letters = try await connect(.publishSubscribe)
            let dropped = try await letters.subscribe(to: "dropped-\(topic)", SubscriptionOptions(group: "l"))
            let transport = try await connect(topology) { $0.deadLetters = .broker }
            let reader = try await transport.subscribe(to: topic, SubscriptionOptions(group: "g"))
            try await transport.publish(Message(text: "rejected"), to: topic)
            reader.settle(try await take(1, of: reader)[0].token, .reject(reason: "no"))
            let letter = try await take(1, of: dropped)[0].message
            #expect(letter.payload.text == "rejected")
            let death = try #require(letter.metadata["x-death"])
            #expect(death.hasPrefix("[{") && death.contains("\"reason\":\"rejected\""), "\(death)")
            await transport.close()
            await letters.close()
        }

        @Test("of quorum queues tell how often a message came back, if that is asked for") func returns() async throws {
            var topology = AMQPTopology.publishSubscribe
            topology.queueType = .quorum
            let maker = try await connect(topology)
            try await maker.prepare(topic: topic, group: "g")
            try await maker.publish(Message(text: "x"), to: topic)
            await maker.close()
            let proxy = try TCPProxy(to: try #require(AMQPOptions(url: try await Conformance.url).servers.first?.port))
            for _ in 0..<2 {
                let plain = try await connect(topology) { $0.servers = [AMQPEndpoint(host: "127.0.0.1", port: proxy.port)] }
                let reader = try await plain.subscribe(to: topic, SubscriptionOptions(group: "g"))
                #expect(try await take(1, of: reader)[0].attempt == 1)
                proxy.cutAll()
                await plain.close()
            }
            // Most versions count a close as well.
            let counting = try await connect(topology) { $0.countsReturns = true }
            let reader = try await counting.subscribe(to: topic, SubscriptionOptions(group: "g"))
            #expect(try await take(1, of: reader)[0].attempt >= 3)
            await counting.close()
        }

        @Test("keep dead letters that nobody reads yet") func parkedLetters() async throws {
            let transport = try await connect(.publishSubscribe)
            let reader = try await transport.subscribe(to: topic, SubscriptionOptions(group: "g"))
            try await transport.publish([Message(text: "1"), Message(text: "2")], to: topic)
            for record in try await take(2, of: reader) { reader.settle(record.token, .reject(reason: "no use")) }
            try await reader.flush()
            let letters = try await transport.subscribe(
                to: topic + ".dead-letter", SubscriptionOptions(group: "dead-letters"))
            let parked = try await take(2, of: letters)
            #expect(parked.map { $0.message.metadata[MetadataKey.poisonReason] } == ["no use", "no use"])
            await transport.close()
        }
    }
}
