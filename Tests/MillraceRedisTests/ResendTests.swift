@testable import MillraceRedis
import Millrace
import MillraceTransportKit
import MillraceTesting
import Testing

extension RedisTests {
    /// What a lost connection has delivered is known again by all that a message is: others give ids that are not unique.
    @Suite("After a lost connection") struct Resending {
        private let topic = "resend-\(MessageID.next())"
        private let id = MessageID("same for all")

        private func message(_ number: Int) -> Message { Message(id: id, payload: Array("\(number)".utf8)) }

        /// The payloads in a stream, in order.
        private func texts(_ count: Int, on transport: RedisTransport) async throws -> [String] {
            let reader = try await transport.subscribe(to: topic, SubscriptionOptions(prefetch: count + 10, start: .beginning))
            let texts = try await withTimeLimit(RedisTests.patience, "\(count) entries") {
                var batch = DeliveryBatch()
                while batch.count < count, try await reader.pull(into: &batch, upTo: count - batch.count) {}
                return batch.records.map { $0.message.payload.text ?? "?" }
            }
            await reader.close()
            return texts
        }

        /// Asks which of some messages have arrived since a time, and returns how many would be sent again.
        private func missing(
            _ messages: [Message], on transport: RedisTransport, since time: Int64
        ) async throws -> Int {
            try await withTimeLimit(RedisTests.patience, "an answer") {
                let left = Lock(-1)
                let known = Signal()
                transport.loop.execute {
                    let call = PublishCall(messages, to: topic, maximumLength: nil)
                    var writer = RESPWriter()
                    _ = call.encode(into: &writer)
                    call.sentAt = time
                    _ = call.interrupted(sent: writer.count)
                    guard
                        let resend = RedisResend(
                            [call], after: [], failures: 0,
                            {
                                var writer = RESPWriter()
                                let count = call.encode(into: &writer)
                                left.withLock { $0 = count }
                                known.fire()
                            })
                    else { return }
                    transport.commands.send(resend)
                }
                try await known.wait()
                return left.withLock { $0 }
            }
        }

        @Test("an entry with the same id and something else in it is another message") func sameID() async throws {
            let transport = try await RedisTransport(url: RedisServer.shared.url, observers: Observers())
            let start = SystemClock.shared.unixMilliseconds
            for number in 0..<10 { try await transport.publish(message(number), to: topic) }
            #expect(try await missing((10..<20).map(message), on: transport, since: start) == 10)
            #expect(try await missing((5..<15).map(message), on: transport, since: start) == 5)
            // Of equal ones as many are found as there are.
            #expect(try await missing([message(3), message(3)], on: transport, since: start) == 1)
            let marked = Message(id: id, payload: Array("3".utf8), metadata: ["a": "b"])
            let keyed = Message(id: id, payload: Array("3".utf8), key: "k")
            #expect(try await missing([marked, keyed], on: transport, since: start) == 2)
            try await transport.publish([marked, keyed], to: topic)
            #expect(try await missing([keyed, marked], on: transport, since: start) == 0)
            await transport.close()
        }

        @Test("large entries with the same id are looked through up to a bound, and what is beyond it is sent again")
        func bounded() async throws {
            let transport = try await RedisTransport(url: RedisServer.shared.url, observers: Observers())
            let start = SystemClock.shared.unixMilliseconds
            let large = { (number: Int) in
                Message(id: id, payload: Array(repeating: UInt8(truncatingIfNeeded: number), count: 4 << 20))
            }
            for number in 0..<20 { try await transport.publish(large(number), to: topic) }
            #expect(try await missing([large(1)], on: transport, since: start) == 0)
            #expect(try await missing([large(19)], on: transport, since: start) == 1)
            try await transport.remove(topic: topic)
            await transport.close()
        }

        @Test("the look for what has arrived has as much time as any command") func slowLook() async throws {
            let server = try await RedisServer.start()
            let observer = RecordingObserver()
            let clock = ManualClock(startUnixMilliseconds: SystemClock.shared.unixMilliseconds)
            let transport = try await RedisTransport(
                RedisOptions(url: server.url), clock: clock, observers: Observers([observer]))
            // A process runs for some time before it loses a connection.
            clock.advance(by: .seconds(40))
            // From now on the server answers no command that may write, as scripts may.
            _ = try await server.command("CLIENT", "PAUSE", "1000000", "WRITE")
            async let publishing: Void = transport.publish(message(1), to: topic)
            try await clients(of: server, "cmd=xadd")
            _ = try await server.command("CLIENT", "KILL", "TYPE", "normal")
            try await observer.event { if case .disconnected = $0.kind { true } else { false } }
            try await clock.waitForTimers()
            clock.advance(by: .milliseconds(100))
            try await clients(of: server, "cmd=eval")
            for _ in 0..<10 {
                try await clock.waitForTimers()
                clock.advance(by: .seconds(1))
            }
            _ = try await server.command("CLIENT", "UNPAUSE")
            try await publishing
            #expect(observer.count { if case .disconnected = $0.kind { true } else { false } } == 1)
            #expect(try await texts(1, on: transport) == ["1"])
            await transport.close()
        }

        private func clients(of server: RedisServer, _ text: String) async throws {
            try await withTimeLimit(RedisTests.patience, text) {
                while !(try await server.command("CLIENT", "LIST")).contains(text) { await Task.yield() }
            }
        }

        @Test("messages that share an id all arrive, each once", arguments: Array(UInt64(1)...UInt64(6)))
        func cuts(seed: UInt64) async throws {
            let server = try await RedisServer.shared
            let proxy = try TCPProxy(to: server.port)
            let options = RedisOptions(endpoints: [.tcp(host: "127.0.0.1", port: proxy.port)], connectTimeout: .seconds(2))
            let transport = try await RedisTransport(options, observers: Observers())
            proxy.cutRandomly(within: 12_000, RandomSource(seed: seed))
            for round in 0..<30 {
                try await withThrowingTaskGroup { group in
                    for number in 0..<20 {
                        group.addTask { try await transport.publish(message(round * 20 + number), to: topic) }
                    }
                    try await group.waitForAll()
                }
            }
            #expect(proxy.cutCount > 3)
            proxy.stopCutting()
            try await transport.publish(message(600), to: topic)
            let found = try await texts(601, on: transport)
            #expect(found.compactMap { Int($0) }.sorted() == Array(0...600))
            await transport.close()
            proxy.close()
        }
    }
}
