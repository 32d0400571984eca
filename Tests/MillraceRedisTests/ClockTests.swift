@testable import MillraceRedis
import Millrace
import MillraceTesting
import Testing

extension RedisTests {
    /// The server's clock decides about what is stored there, and a clock that differs from it is reported.
    @Suite("The clock of this machine") struct Clocks {
        private let topic = "clocks-\(MessageID.next())"
        private static let hour = Int64(3_600_000)

        /// A server of its own, whose commands nobody else counts among.
        private let server: RedisServer

        init() async throws {
            // `limited` may not ask for the time.
            server = try await RedisServer.start(.init(extra: ["user limited on >pass ~* &* +@all -time"]))
        }

        private func connect(
            _ clock: any SchedulingClock, _ retention: RedisRetention = .init(), user: String? = nil,
            _ observer: RecordingObserver = .init()
        ) async throws -> RedisTransport {
            var options = try RedisOptions(url: server.url)
            options.retention = retention
            if let user { (options.username, options.password) = (user, "pass") }
            return try await RedisTransport(options, clock: clock, observers: Observers([observer]))
        }

        /// How often the server was given a command.
        private func calls(of command: String) async throws -> Int {
            let text = try await server.command("INFO", "commandstats")
            guard let line = text.split(separator: "\r\n").first(where: { $0.hasPrefix("cmdstat_\(command):calls=") }) else {
                return 0
            }
            return Int(line.split(separator: "=")[1].prefix { $0.isNumber }) ?? 0
        }

        private func waitFor(more: Int, of command: String) async throws {
            let before = try await calls(of: command)
            try await withTimeLimit(RedisTests.patience, "\(more) times \(command)") {
                while try await calls(of: command) < before + more { await Task.yield() }
            }
        }

        private func length() async throws -> Int {
            let answer = try await server.command("XLEN", topic)
            return Int(answer.dropFirst().prefix { $0.isNumber }) ?? -1
        }

        private func add(_ count: Int, hoursAgo hours: Double) async throws {
            let time = SystemClock.shared.unixMilliseconds - Int64(hours * Double(Self.hour))
            for number in 0..<count { _ = try await server.command("XADD", topic, "\(time)-\(number + 1)", "payload", "old") }
        }

        // MARK: Trimming

        @Test("does not decide what is too old", arguments: [Duration.seconds(7_200), .seconds(-7_200), .zero])
        func trimming(_ skew: Duration) async throws {
            try await add(300, hoursAgo: 1.5)
            let transport = try await connect(
                SkewedClock(by: skew), RedisRetention(maximumAge: .seconds(3_600), interval: .milliseconds(10)))
            try await transport.publish((0..<500).map { Message(text: "\($0)") }, to: topic)
            try await waitFor(more: 20, of: "xtrim")
            // Whole blocks of a hundred go, and all of the old ones are.
            #expect(try await length() == 500)
            await transport.close()
        }

        @Test("is not put in the place of a server's that does not tell the time") func refused() async throws {
            try await add(300, hoursAgo: 3)
            let observer = RecordingObserver()
            let transport = try await connect(
                SystemClock.shared,
                RedisRetention(maximumLength: 10_000, maximumAge: .seconds(3_600), interval: .milliseconds(10)), user: "limited",
                observer)
            #expect(transport.brokerTime == nil)
            try await transport.publish(Message(text: "new"), to: topic)
            try await waitFor(more: 20, of: "xlen")
            #expect(try await length() == 301)
            let reports = observer.events.filter { $0.level == .warning }
            #expect(reports.count == 1)
            guard case .log(let text, nil, let fields) = reports.first?.kind else { return }
            #expect(text == "nothing is trimmed by its age: the server does not tell the time")
            #expect(fields.map(\.0) == ["transport", "server", "error"] && fields[2].1.description.hasPrefix("NOPERM"))
            await transport.close()
        }

        // MARK: What is reported

        private func reports(_ observer: RecordingObserver) -> [(level: EventLevel, text: String, fields: [(String, LogValue)])] {
            observer.events.compactMap { event in
                if case .log(let text, nil, let fields) = event.kind { (event.level, text, fields) } else { nil }
            }
        }

        @Test("is reported once when it differs, and once more when it is set right") func report() async throws {
            let observer = RecordingObserver()
            let clock = SkewedClock(by: .seconds(7_200))
            let transport = try await connect(clock, observer)
            let readers = try await (0..<2).asyncMap { _ in try await transport.subscribe(to: topic) }
            try await reconnect(transport, observer)
            #expect(reports(observer).count == 1)
            let first = try #require(reports(observer).first)
            #expect(first.level == .warning && first.text == "the clocks of this machine and of the server differ")
            #expect(first.fields.map(\.0) == ["transport", "skew", "server"])
            #expect(first.fields[0].1 == "redis" && first.fields[2].1 == "127.0.0.1:\(server.port)")
            #expect(["1.99 h", "2 h"].contains(first.fields[1].1.description))

            clock.set(to: .seconds(1))
            try await reconnect(transport, observer)
            #expect(reports(observer).count == 2)
            let second = try #require(reports(observer).last)
            #expect(second.level == .info && second.text == "the clocks of this machine and of the server agree again")

            clock.set(to: .seconds(-30))
            try await reconnect(transport, observer)
            #expect(reports(observer).count == 3)
            for reader in readers { await reader.close() }
            await transport.close()
        }

        private func connect(_ clock: any SchedulingClock, _ observer: RecordingObserver) async throws -> RedisTransport {
            try await connect(clock, .init(), user: nil, observer)
        }

        /// Ends all connections and waits for new ones.
        private func reconnect(_ transport: RedisTransport, _ observer: RecordingObserver) async throws {
            @Sendable func connections() -> Int { observer.count { if case .connected = $0.kind { true } else { false } } }
            let before = connections()
            _ = try await server.command("CLIENT", "KILL", "TYPE", "normal")
            try await withTimeLimit(RedisTests.patience, "new connections") {
                while connections() < before + 3 { await Task.yield() }
            }
        }

        @Test("is not reported when it is right, but for the time that an answer takes") func right() async throws {
            let observer = RecordingObserver()
            let transport = try await connect(SkewedClock(by: .seconds(1)), observer)
            #expect(reports(observer).isEmpty)
            await transport.close()
        }

        @Test("is looked at again and again on a connection that lasts") func later() async throws {
            let observer = RecordingObserver()
            let clock = ManualClock(startUnixMilliseconds: SystemClock.shared.unixMilliseconds)
            let transport = try await connect(clock, observer)
            #expect(reports(observer).isEmpty)
            // Both its times run ahead of the server's by a minute, and then the server takes its time to answer.
            for second in 0..<70 {
                try await clock.waitForTimers()
                if second == 58 { server.pause() }
                clock.advance(by: .seconds(1))
            }
            server.resume()
            try await observer.event(within: .seconds(20)) { event in
                if case .log("the clocks of this machine and of the server differ", _, _) = event.kind { true } else { false }
            }
            #expect(observer.count { if case .disconnected = $0.kind { true } else { false } } == 0)
            await transport.close()
        }
    }
}

extension Sequence {
    fileprivate func asyncMap<Result>(_ body: (Element) async throws -> Result) async rethrows -> [Result] {
        var results: [Result] = []
        for element in self { results.append(try await body(element)) }
        return results
    }
}
