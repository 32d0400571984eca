import Millrace
import MillraceMemory
import MillraceTesting
import Testing

extension MemoryTests {
    /// The test kit itself.
    @Suite struct Kit {
        @Test func probeSeesAndRemembers() async throws {
            let broker = MemoryTransport()
            let probe = try await TopicProbe(of: "t", on: broker)
            try await broker.publish((0..<3).map { Message(text: "\($0)") }, to: "t")
            #expect(try await probe.next().payload.text == "0")
            #expect(try await probe.collect(2).map(\.payload.text) == ["1", "2"])
            #expect(probe.messages.count == 3)
        }

        @Test func probeGivesUpInTime() async throws {
            let broker = MemoryTransport()
            let probe = try await TopicProbe(of: "t", on: broker)
            await #expect { _ = try await probe.next(within: .milliseconds(20)) } throws: {
                ($0 as? MillraceError)?.code == .deadlineExceeded
            }
            await broker.close()
        }

        @Test func probeOfAClosedTransportSaysSo() async throws {
            let broker = MemoryTransport()
            let probe = try await TopicProbe(of: "t", on: broker)
            await broker.close()
            await #expect { _ = try await probe.next() } throws: { ($0 as? MillraceError)?.code == .closed }
        }

        @Test func observerFindsPastAndFuture() async throws {
            let observer = RecordingObserver()
            observer.observe(MillraceEvent(level: .info, kind: .routerDraining))
            try await observer.event { if case .routerDraining = $0.kind { true } else { false } }
            let waiting = Task {
                try await observer.event { if case .routerStopped = $0.kind { true } else { false } }
            }
            observer.observe(MillraceEvent(level: .info, kind: .routerStopped))
            _ = try await waiting.value
            #expect(observer.events.count == 2)
            await #expect(throws: MillraceError.self) {
                try await observer.event(within: .milliseconds(20)) { $0.level == .error }
            }
        }

        @Test func timeLimitLeavesAHangBehind() async throws {
            let gate = AsyncStream<Never>.makeStream()
            await #expect { try await withTimeLimit(.milliseconds(20), "the hang") { for await _ in gate.stream {} } } throws: {
                "\($0)".contains("the hang")
            }
        }

        @Test func runningRouterEndsWithItsBody() async throws {
            struct Failure: Error {}
            let router = Router(RouterOptions(observers: []))
            await #expect(throws: Failure.self) { try await withRunning(router) { throw Failure() } }
            #expect(router.health.phase == .stopped)
        }

        @Test func runningRouterSaysWhyItDoesNotRun() async throws {
            let broker = MemoryTransport()
            let router = Router(RouterOptions(observers: []))
            try router.consume("h", from: "t", on: broker) { _, _ in }
            await broker.close()
            await #expect { try await withRunning(router) { Issue.record("the body ran") } } throws: {
                ($0 as? MillraceError)?.code == .closed
            }
        }
    }
}
