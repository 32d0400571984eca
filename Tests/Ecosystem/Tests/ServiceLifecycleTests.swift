import Logging
import Millrace
import MillraceMemory
import MillraceServiceLifecycle
import MillraceTesting
import ServiceLifecycle
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(1))) struct ServiceLifecycleTests {
    /// What happened, in order.
    private final class Journal: Observer {
        let level = EventLevel.info
        private let lines = Mutex<[String]>([])

        func note(_ line: String) { lines.withLock { $0.append(line) } }

        func observe(_ event: MillraceEvent) {
            switch event.kind {
            case .routerDraining, .routerStopped: note(event.message)
            default: break
            }
        }

        var all: [String] { lines.withLock { $0 } }
    }

    /// What stands beside a router in a service.
    private struct Neighbour: Service {
        let name: String
        let journal: Journal

        func run() async throws {
            try await gracefulShutdown()
            journal.note("\(name) stopped")
        }
    }

    @Test func aGroupDrainsTheRouterWhenItsTurnComes() async throws {
        let (journal, events) = (Journal(), RecordingObserver())
        let broker = MemoryTransport()
        let router = Router(.init(observers: [journal, events]))
        let (begun, signal) = AsyncStream.makeStream(of: Void.self)
        try router.handle("bill", from: "orders", on: broker, to: "invoices") { _, _ in
            signal.yield()
            // It is in the middle of its work when the shutdown comes.
            try await events.event { if case .routerDraining = $0.kind { true } else { false } }
            journal.note("billed")
            return [Message(text: "invoice")]
        }
        let probe = try await TopicProbe(of: "invoices", on: broker)
        let group = ServiceGroup(
            configuration: .init(
                services: [
                    .init(service: Neighbour(name: "database", journal: journal)),
                    .init(service: router.service()),
                    .init(service: Neighbour(name: "server", journal: journal)),
                ],
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }))
        async let running: Void = group.run()
        try await router.waitUntilRunning()
        try await broker.publish(Message(text: "order"), to: "orders")
        for await _ in begun { break }
        await group.triggerGracefulShutdown()
        try await running
        #expect(
            journal.all == ["server stopped", "router draining", "billed", "router stopped", "database stopped"])
        #expect(try await probe.next().payload.text == "invoice")
        #expect("\(router.service())" == "Millrace.Router")
    }

    @Test func whoLosesPatienceHasHandlersCancelled() async throws {
        let events = RecordingObserver()
        let broker = MemoryTransport()
        // Time stands still: the drain timeout does not come.
        let router = Router(.init(clock: ManualClock(), observers: [events]))
        let (begun, signal) = AsyncStream.makeStream(of: Void.self)
        try router.consume("audit", from: "orders", on: broker) { _, _ in
            signal.yield()
            for await _ in AsyncStream(Void.self, { _ in }) {}
            try Task.checkCancellation()
        }
        let group = ServiceGroup(
            configuration: .init(
                services: [.init(service: router.service())],
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }))
        let running = Task { try await group.run() }
        try await router.waitUntilRunning()
        let order = Message(text: "order")
        try await broker.publish(order, to: "orders")
        for await _ in begun { break }
        await group.triggerGracefulShutdown()
        try await events.event { if case .routerDraining = $0.kind { true } else { false } }
        running.cancel()
        _ = await running.result
        #expect(router.health.phase == .stopped)
        // It is nobody's failure, and comes to whoever reads next.
        #expect(events.count { if case .messageFailed = $0.kind { true } else { false } } == 0)
        let probe = try await TopicProbe(of: "orders", on: broker, group: "audit")
        #expect(try await probe.next().id == order.id)
    }

    @Test func aFailureOfTheRouterEndsTheGroup() async throws {
        let router = Router(.init(observers: []))
        // A router runs once.
        router.shutdown()
        try await router.run(stoppingOn: [])
        let group = ServiceGroup(
            configuration: .init(
                services: [.init(service: router.service())],
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }))
        let error = await #expect(throws: MillraceError.self) { try await group.run() }
        #expect(error?.code == .invalidState)
    }
}
