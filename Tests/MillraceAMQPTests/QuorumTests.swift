import Foundation
import Millrace
import MillraceTesting
import TestSupport
import Testing

@testable import MillraceAMQP

extension AMQPTests {
    /// Queues that count what comes back to them, and drop it in the end.
    @Suite("Quorum queues") struct QuorumQueues {
        private let topic = "quorum-\(MessageID.next())"
        private let letters = SubscriptionOptions(group: AMQPTopology.deadLetterGroup)
        private let group = SubscriptionOptions(group: "g", prefetch: 100)

        private func connect(
            limit: Int?, _ observers: Observers = Observers(), _ change: (inout AMQPOptions) -> Void = { _ in }
        ) async throws -> AMQPTransport {
            var options = try AMQPOptions(url: try await Conformance.url)
            options.topology.queueType = .quorum
            options.topology.deliveryLimit = limit
            change(&options)
            return try await AMQPTransport(options, observers: observers)
        }

        /// What comes within a moment, up to so many, acknowledged.
        private func take(_ count: Int, of reader: any Subscription) async throws -> [String] {
            var batch = DeliveryBatch()
            let deadline = SystemClock.shared.now.advanced(by: .milliseconds(500))
            while batch.count < count, try await reader.pull(into: &batch, upTo: count - batch.count, until: deadline) {
                guard SystemClock.shared.now < deadline else { break }
            }
            reader.acknowledge(batch.records.map(\.token))
            return batch.records.map { $0.message.payload.text ?? "" }
        }

        /// All of these are handled, in the queue, or among the dead letters.
        private func expectAll(_ sent: [String], _ handled: [String], limit: Int?) async throws {
            let transport = try await connect(limit: limit)
            let readers = [
                try await transport.subscribe(to: topic, group),
                try await transport.subscribe(to: topic + ".dead-letter", letters),
            ]
            var found = Set(handled)
            for _ in 0..<60 where found.count < sent.count {
                for reader in readers { found.formUnion(try await take(sent.count, of: reader)) }
            }
            #expect(found == Set(sent))
            await transport.close()
        }

        @Test("lose nothing that members had fetched when they closed", arguments: [nil, 3])
        func closing(limit: Int?) async throws {
            let sent = (0..<50).map { "\($0)" }
            let publisher = try await connect(limit: limit)
            try await publisher.prepare(topic: topic, group: "g")
            try await publisher.publish(sent.map { Message(text: $0) }, to: topic)
            var handled: [String] = []
            for _ in 0..<(limit == nil ? 25 : 6) {
                let transport = try await connect(limit: limit)
                let reader = try await transport.subscribe(to: topic, group)
                handled += try await take(1, of: reader)
                await transport.close()
            }
            await publisher.close()
            #expect(handled == Array(sent.prefix(handled.count)), "in their old places")
            try await expectAll(sent, handled, limit: limit)
        }

        @Test("lose nothing that members had fetched when their connection was cut", arguments: [nil, 3])
        func cuts(limit: Int?) async throws {
            let sent = (0..<50).map { "\($0)" }
            let publisher = try await connect(limit: limit)
            try await publisher.prepare(topic: topic, group: "g")
            try await publisher.publish(sent.map { Message(text: $0) }, to: topic)
            let port = try #require(AMQPOptions(url: try await Conformance.url).servers.first?.port)
            let proxy = try TCPProxy(to: port)
            let events = RecordingObserver()
            let transport = try await connect(limit: limit, Observers([events])) {
                $0.servers = [AMQPEndpoint(host: "127.0.0.1", port: proxy.port)]
                $0.maximumReconnectDelay = .milliseconds(100)
            }
            let reader = try await transport.subscribe(to: topic, group)
            var handled: [String] = []
            for _ in 0..<(limit == nil ? 25 : 6) {
                handled += try await take(1, of: reader)
                try await reader.flush()
                proxy.cutAll()
            }
            await transport.close()
            await publisher.close()
            try await expectAll(sent, handled, limit: limit)
        }

        @Test("lose nothing in a rolling restart of 30 members, half of which are cut off", arguments: [nil, 20])
        func rollingRestart(limit: Int?) async throws {
            let sent = (0..<1_000).map { "\($0)" }
            let publisher = try await connect(limit: limit)
            try await publisher.prepare(topic: topic, group: "g")
            try await publisher.publish(sent.map { Message(text: $0) }, to: topic)
            await publisher.close()
            let proxy = try TCPProxy(to: try #require(AMQPOptions(url: try await Conformance.url).servers.first?.port))
            var handled: [String] = []
            var older: AMQPTransport?
            for member in 0..<30 {
                let transport = try await connect(limit: limit) {
                    $0.servers = [AMQPEndpoint(host: "127.0.0.1", port: proxy.port)]
                }
                let reader = try await transport.subscribe(to: topic, group)
                handled += try await take(10, of: reader)
                try await reader.flush()
                if member % 2 == 0 { proxy.cutAll() }
                // The next one is there before this one goes.
                await older?.close()
                older = transport
            }
            await older?.close()
            print("rolling restart, limit \(limit.map { "\($0)" } ?? "none"): \(handled.count) handled by 30 members")
            try await expectAll(sent, handled, limit: limit)
        }

        @Test("that were there without a place for what they give up are used, and told of") func older() async throws {
            let maker = try await connect(limit: 7) { $0.deadLetters = .drop }
            try await maker.prepare(topic: topic, group: "g")
            let events = RecordingObserver()
            let transport = try await connect(limit: 7, Observers([events]))
            let reader = try await transport.subscribe(to: topic, group)
            try await transport.publish(Message(text: "x"), to: topic)
            #expect(try await take(1, of: reader) == ["x"])
            _ = try await events.event { event in
                guard case .log(let message, _, let fields) = event.kind, event.level == .warning else { return false }
                return message.contains("dead-letter-exchange") && fields.contains { $0 == ("queue", "\(topic)_g") }
            }
            await maker.close()
            await transport.close()
        }

        @Test("have no limit unless there is one, and none at all for dead letters") func arguments() {
            var topology = AMQPTopology.publishSubscribe
            func queue(_ topic: String, on broker: BrokerInfo, letters: String? = ".dead-letter") -> [String: AMQPValue]? {
                let queue = topology.queue(for: topic, group: "g", id: "1", letters: letters)
                for case .queue(queue.name, _, _, let arguments, let returns) in queue.declarations {
                    return returns.arguments(arguments, on: broker)
                }
                return nil
            }
            let old = BrokerInfo(name: "RabbitMQ", version: "3.13.7")
            let new = BrokerInfo(name: "RabbitMQ", version: "4.0.5")
            #expect(new.limitsReturns && !new.forgivesReturns && !old.limitsReturns)
            #expect(BrokerInfo(name: "RabbitMQ", version: "4.3.0-rc.1").forgivesReturns)
            #expect(queue("t", on: old) == [:])
            #expect(queue("t", on: new) == ["x-queue-type": .text("classic")])
            topology.queueType = .quorum
            let type: [String: AMQPValue] = ["x-queue-type": .text("quorum")]
            #expect(queue("t", on: old) == type)
            #expect(queue("t", on: BrokerInfo(name: "LavinMQ", version: "4.1.0")) == type)
            #expect(queue("t", on: new) == type.merging(["x-delivery-limit": .number(-1)]) { $1 })
            topology.deliveryLimit = 5
            let limited = type.merging(["x-delivery-limit": .number(5)]) { $1 }
            let kept: [String: AMQPValue] = [
                "x-dead-letter-exchange": .text("t.dead-letter"), "x-dead-letter-strategy": .text("at-least-once"),
                "x-overflow": .text("reject-publish"),
            ]
            #expect(queue("t", on: old) == limited.merging(kept) { $1 })
            #expect(queue("t", on: new, letters: nil) == limited)
            #expect(queue("t.dead-letter", on: new) == type.merging(["x-delivery-limit": .number(-1)]) { $1 })
            #expect(queue("t.dead-letter", on: old) == type)
            topology.queueArguments["x-max-length"] = .number(9)
            #expect(queue("t", on: old)?["x-overflow"] == nil)
            topology.deadLetterExchange = "mine"
            #expect(queue("t", on: new)?["x-dead-letter-exchange"] == .text("mine"))
        }
    }
}
