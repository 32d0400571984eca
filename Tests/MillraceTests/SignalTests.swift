import Millrace
import TestSupport
import MillraceMemory
import MillraceTesting
import Testing

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

@Suite(.serialized, .timeLimit(.minutes(1))) struct SignalTests {
    @Test func aSignalDrains() async throws {
        let broker = try quietBroker()
        let router = Router(.quiet)
        let entered = Signal()
        let release = Signal()
        let finished = Box(false)
        try router.consume("h", from: "in", on: broker) { _, _ in
            entered.fire()
            try await release.wait()
            finished.update { $0 = true }
        }
        let task = Task { try await router.run(stoppingOn: [.quit]) }
        try await router.waitUntilRunning()
        try await broker.publish(Message(text: "x"), to: "in")
        try await entered.wait()
        kill(getpid(), SIGQUIT)
        while router.health.phase == .running { await Task.yield() }
        release.fire()
        try await task.value
        #expect(finished.value)
        #expect(broker.depth(of: "in", group: "h")?.total == 0)
    }

    @Test func aSecondSignalCancelsAtOnce() async throws {
        let broker = try quietBroker()
        let router = Router(RouterOptions(drainTimeout: .seconds(3_600), observers: []))
        let entered = Signal()
        try router.consume("h", from: "in", on: broker) { _, context in
            entered.fire()
            try await context.clock.sleep(for: .seconds(3_600))
        }
        let task = Task { try await router.run(stoppingOn: [.quit]) }
        try await router.waitUntilRunning()
        try await broker.publish(Message(text: "x"), to: "in")
        try await entered.wait()
        kill(getpid(), SIGQUIT)
        while router.health.phase == .running { await Task.yield() }
        kill(getpid(), SIGQUIT)
        try await task.value
        #expect(broker.depth(of: "in", group: "h")?.waiting == 1)
    }
}
