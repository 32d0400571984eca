@testable import Millrace
import TestSupport
import MillraceMemory
import MillraceTesting
import Testing

@Suite(.timeLimit(.minutes(1))) struct ConcurrencyLimitTests {
    /// How many are inside, and the most that ever were.
    private struct Gauge {
        var now: [String: Int] = [:]
        var most: [String: Int] = [:]
    }

    @Test("Handlers that share the instance share the limit")
    func sharedByHandlers() async throws {
        let broker = try quietBroker()
        let limit = ConcurrencyLimit(2)
        let router = Router(.quiet) { limit }
        let gauge = Box(Gauge())
        let done = Box(0)
        for name in ["a", "b"] {
            try router.consume(name, from: "in", on: broker, options: .init(concurrency: 4)) { _, _ in
                gauge.update { gauge in
                    gauge.now["all", default: 0] += 1
                    gauge.most["all"] = max(gauge.most["all"] ?? 0, gauge.now["all"] ?? 0)
                }
                for _ in 0..<20 { await Task.yield() }
                gauge.update { $0.now["all", default: 0] -= 1 }
                done.update { $0 += 1 }
            }
        }
        try await withRunning(router) {
            try await broker.publish((0..<200).map { Message(text: "\($0)") }, to: "in")
            while done.value < 400, !Task.isCancelled { await Task.yield() }
        }
        #expect(gauge.value.most["all"] == 2)
        #expect(limit.keyCount == 0)
    }

    @Test("Each key has a limit of its own, which is forgotten when nobody uses it; nil is not limited")
    func byKey() async throws {
        let limit = ConcurrencyLimit(1) { $0.key }
        let gauge = Box(Gauge())
        let unlimited = Box(0)
        let gate = Signal()
        let bench = try Bench()
        let messages =
            (0..<40).map { Message(text: "\($0)", key: $0 % 2 == 0 ? "even" : "odd") }
            + (0..<4).map { Message(text: "free \($0)") }
        try await bench.run(messages, .init(concurrency: 8)) {
            limit
        } handler: { message, _ in
            guard let key = message.key else {
                // All four are inside at the same time.
                if unlimited.increment() == 4 {
                    gate.fire()
                }
                try await gate.wait()
                return [message]
            }
            gauge.update { gauge in
                gauge.now[key, default: 0] += 1
                gauge.most[key] = max(gauge.most[key] ?? 0, gauge.now[key] ?? 0)
            }
            for _ in 0..<5 { await Task.yield() }
            gauge.update { $0.now[key, default: 0] -= 1 }
            return [message]
        } _: { out in
            _ = try await out.collect(44)
        }
        #expect(gauge.value.most == ["even": 1, "odd": 1])
        #expect(limit.keyCount == 0)
    }

    @Test("Who comes first is served first")
    func fairness() async throws {
        let permits = Permits(1)
        try await permits.take("a")
        let order = Box<[Int]>([])
        var tasks: [Task<Void, any Error>] = []
        for number in 0..<10 {
            tasks.append(
                Task {
                    try await permits.take("a")
                    order.update { $0.append(number) }
                    permits.giveBack("a")
                })
            while permits.waitingCount("a") <= number { await Task.yield() }
        }
        permits.giveBack("a")
        for task in tasks { try await task.value }
        #expect(order.value == Array(0..<10))
        #expect(permits.count == 0)
    }

    @Test("One who is cancelled while waiting leaves, and takes no permit with it")
    func cancellation() async throws {
        let permits = Permits(1)
        try await permits.take("a")
        let waiting = Task { try await permits.take("a") }
        while permits.waitingCount("a") == 0 { await Task.yield() }
        waiting.cancel()
        await #expect(throws: CancellationError.self) { try await waiting.value }
        permits.giveBack("a")
        #expect(permits.count == 0)
        try await permits.take("a")
    }

    @Test("A shutdown is not delayed by those who wait")
    func shutdown() async throws {
        let broker = try quietBroker()
        let router = Router(RouterOptions(drainTimeout: .milliseconds(1), observers: [])) { ConcurrencyLimit(1) }
        let inside = Signal()
        try router.consume("h", from: "in", on: broker, options: .init(concurrency: 4)) { _, _ in
            inside.fire()
            try await Signal().wait()
        }
        try await withRunning(router) {
            try await broker.publish((0..<4).map { Message(text: "\($0)") }, to: "in")
            try await inside.wait()
        }
        #expect(broker.depth(of: "in", group: "h")?.waiting == 4)
    }

    @Test("A limit below 1 is refused")
    func parameters() throws {
        let broker = try quietBroker()
        let router = Router(.quiet) { ConcurrencyLimit(0) }
        let error = #expect(throws: MillraceError.self) { try router.consume("h", from: "in", on: broker) { _, _ in } }
        #expect(error?.message == "handler 'h': ConcurrencyLimit: limit is 0, it must be at least 1")
    }
}
