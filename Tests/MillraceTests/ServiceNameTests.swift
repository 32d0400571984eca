import Millrace
import TestSupport
import MillraceMemory
import MillraceTesting
import Testing

/// What the name of a service does to the groups of its handlers.
@Suite(.timeLimit(.minutes(1))) struct ServiceNameTests {
    private func groups(_ service: String?) throws -> [String?] {
        let broker = try quietBroker()
        var options = RouterOptions.quiet
        options.service = service
        let router = Router(options)
        try router.consume("own", from: "t", on: broker) { _, _ in }
        try router.consume("shared", from: "t", on: broker, options: .init(group: .inService("both"))) { _, _ in }
        try router.consume("exact", from: "t", on: broker, options: .init(group: "exactly")) { _, _ in }
        try router.consume("none", from: "t", on: broker, options: .init(group: .none)) { _, _ in }
        return router.describe().handlers.map(\.group)
    }

    @Test("It goes before the names of groups that are not named in full")
    func prefix() throws {
        #expect(try groups("shop") == ["shop.own", "shop.both", "exactly", nil])
        #expect(try groups(nil) == ["own", "both", "exactly", nil])
    }

    @Test("Two services with a handler of the same name on one topic each get all messages, and one of them alone shares them")
    func twoServices() async throws {
        let broker = try quietBroker()
        let counts = (shop: Box(0), bank: Box(0))
        let routers = try [("shop", counts.shop), ("bank", counts.bank)].map { service, count in
            var options = RouterOptions.quiet
            options.service = service
            let router = Router(options)
            for copy in ["audit", "audit copy"] {
                try router.consume(copy, from: "t", on: broker, options: .init(group: .inService("audit"))) { _, _ in
                    _ = count.increment()
                }
            }
            return router
        }
        try await withRunning(routers[0]) {
            try await withRunning(routers[1]) {
                try await broker.publish((0..<20).map { Message(text: "\($0)") }, to: "t")
                try await withTimeLimit(.seconds(30), "all messages") {
                    while counts.shop.value + counts.bank.value < 40 { await Task.yield() }
                }
            }
        }
        #expect(counts.shop.value == 20 && counts.bank.value == 20)
    }

    @Test("A name that can't be one is refused when the router runs")
    func bounds() async throws {
        let router = Router(RouterOptions(service: "", observers: []))
        let error = await #expect(throws: MillraceError.self) { try await router.run() }
        #expect(error?.code == .invalidOption && error?.message.contains("service") == true)
    }

    @Test("Failures say which topic and group they happen in")
    func failures() async throws {
        let events = RecordingObserver(level: .warning)
        let broker = try quietBroker()
        let router = Router(RouterOptions(service: "shop", observers: [events]))
        try router.consume("audit", from: "t", on: broker) { _, _ in throw Flaky() }
        try await withRunning(router) {
            try await broker.publish(Message(text: ""), to: "t")
            let event = try await events.event { if case .messageFailed = $0.kind { true } else { false } }
            let place = event.fields.prefix(3).map { "\($0)=\($1)" }
            #expect(place == ["handler=audit", "topic=t", "group=shop.audit"])
        }
    }
}
