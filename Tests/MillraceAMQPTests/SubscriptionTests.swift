import Millrace
import MillraceAMQP
import MillraceTesting
import Testing

extension AMQPTests {
    /// What a subscription does beyond the contract.
    @Suite("A subscription") struct Subscriptions {
        private let topic = "subscription-\(MessageID.next())"

        private func connect(port: Int? = nil, _ observers: Observers = Observers()) async throws -> AMQPTransport {
            var options = try AMQPOptions(url: try await Conformance.url)
            if let port { options.servers = [AMQPEndpoint(host: "127.0.0.1", port: port)] }
            options.maximumReconnectDelay = .milliseconds(200)
            return try await AMQPTransport(options, observers: observers)
        }

        private func next(_ subscription: any Subscription) async throws -> DeliveryRecord {
            try await withTimeLimit(AMQPTests.patience, "a delivery") {
                var batch = DeliveryBatch()
                guard try await subscription.pull(into: &batch, upTo: 1) else { throw CancellationError() }
                return batch.records[0]
            }
        }

        /// Whether nothing comes for a while that is long compared with a round trip.
        private func expectNothing(_ subscription: any Subscription) async throws {
            var batch = DeliveryBatch()
            let deadline = SystemClock.shared.now.advanced(by: .milliseconds(300))
            _ = try await subscription.pull(into: &batch, upTo: 1, until: deadline)
            #expect(batch.isEmpty, "\(batch.records.map { $0.message.payload.text ?? "" })")
        }

        private var brokerPort: Int {
            get async throws { try AMQPOptions(url: try await Conformance.url).servers[0].port }
        }

        @Test("keeps what is being worked on over a cut, and hands out nothing twice") func workOverACut() async throws {
            let proxy = try TCPProxy(to: try await brokerPort)
            let events = RecordingObserver()
            let transport = try await connect(port: proxy.port)
            let publisher = try await connect()
            let reader = try await transport.subscribe(to: topic, SubscriptionOptions(group: "g", ordered: .byKey))
            try await publisher.publish((0..<4).map { Message(text: "\($0)", key: $0 < 3 ? "a" : "b") }, to: topic)
            let (first, other) = (try await next(reader), try await next(reader))
            #expect([first, other].map { $0.message.payload.text } == ["0", "3"])
            transport.attach(events)
            // Done before the cut, and after it, before the connection is up again.
            proxy.refuseConnections()
            proxy.cutAll()
            reader.acknowledge([other.token])
            proxy.acceptConnections()
            _ = try await events.event { if case .connected = $0.kind { true } else { false } }
            try await expectNothing(reader)
            reader.acknowledge([first.token])
            for text in ["1", "2"] {
                let record = try await next(reader)
                #expect(record.message.payload.text == text && record.attempt == 1)
                reader.acknowledge([record.token])
            }
            try await expectNothing(reader)
            try await reader.flush()
            await transport.close()
            let rest = try await publisher.subscribe(to: topic, SubscriptionOptions(group: "g"))
            try await expectNothing(rest)
            await publisher.close()
            proxy.close()
        }

        @Test("keeps a retry by key over a cut, with its delay and its attempt") func retryOverACut() async throws {
            let proxy = try TCPProxy(to: try await brokerPort)
            let transport = try await connect(port: proxy.port)
            let publisher = try await connect()
            let reader = try await transport.subscribe(to: topic, SubscriptionOptions(group: "g", ordered: .byKey))
            try await publisher.publish([Message(text: "0", key: "a"), Message(text: "1", key: "a")], to: topic)
            reader.settle(try await next(reader).token, .retry(after: .seconds(1)))
            let start = ContinuousClock.now
            proxy.cutAll()
            let again = try await next(reader)
            #expect(ContinuousClock.now - start > .milliseconds(900))
            #expect(again.message.payload.text == "0" && again.attempt == 2)
            reader.acknowledge([again.token])
            #expect(try await next(reader).message.payload.text == "1")
            await transport.close()
            await publisher.close()
            proxy.close()
        }

        @Test("leaves its retries to the broker: they outlive it") func retriesOutlive() async throws {
            let transport = try await connect()
            let reader = try await transport.subscribe(to: topic, SubscriptionOptions(group: "g"))
            try await transport.publish(Message(text: "x", metadata: ["kept": "yes"]), to: topic)
            reader.settle(try await next(reader).token, .retry(after: .milliseconds(500)))
            try await reader.flush()
            await transport.close()
            let other = try await connect()
            let second = try await other.subscribe(to: topic, SubscriptionOptions(group: "g"))
            let again = try await next(second)
            #expect(again.attempt == 2 && again.message.metadata["kept"] == "yes")
            await other.close()
        }

        @Test("goes on with other keys while more of them wait than it may hold") func manyRetries() async throws {
            let transport = try await connect()
            let reader = try await transport.subscribe(to: topic, SubscriptionOptions(group: "g", prefetch: 2, ordered: .byKey))
            try await transport.publish((0..<12).map { Message(text: "\($0)", key: "\($0)") }, to: topic)
            for number in 0..<11 {
                let record = try await next(reader)
                #expect(record.message.payload.text == "\(number)")
                reader.settle(record.token, .retry(after: .seconds(3_600)))
            }
            let last = try await next(reader)
            #expect(last.message.payload.text == "11")
            await transport.close()
        }

        @Test("tells how many messages wait") func lag() async throws {
            let transport = try await connect()
            try await transport.prepare(topic: topic, group: "g")
            try await transport.publish((0..<50).map { Message(text: "\($0)") }, to: topic)
            let reader = try await transport.subscribe(to: topic, SubscriptionOptions(group: "g", prefetch: 10))
            var lag: Int?
            for _ in 0..<100 where lag != 50 {
                lag = reader.lag
                try await SystemClock.shared.sleep(for: .milliseconds(100))
            }
            #expect(lag == 50)
            await transport.close()
        }
    }
}
