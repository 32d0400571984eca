import Millrace
import MillraceCQRS
import MillraceMemory
import MillraceTesting
import Testing

@Suite struct FanInTests {
    private let broker = MemoryTransport(observers: Observers([]))

    @Test func severalTopicsBecomeOne() async throws {
        let router = Router(.quiet())
        try router.register(FanIn("all", from: ["eu", "us"], on: broker, to: "orders"))
        let probe = try await TopicProbe(of: "orders", on: broker)
        try await withRunning(router) {
            let sent = ["eu", "us"].map { Message(text: $0, key: $0, metadata: ["a": $0]) }
            for message in sent { try await broker.publish(message, to: message.key ?? "") }
            #expect(Set(try await probe.collect(2)) == Set(sent))
        }
        #expect(router.describe().handlers.map(\.name) == ["all.eu", "all.us"])
        #expect(router.describe().handlers.map(\.group) == ["all", "all"])
    }

    @Test(arguments: 0..<3) func nothingIsLostByFaults(_ seed: UInt64) async throws {
        let faulty = FaultyTransport(
            broker,
            plan: [
                .cutSubscription: .probability(0.01), .dropAcknowledgement: .probability(0.05),
                .failPublish: .probability(0.2), .losePublishReply: .probability(0.2),
            ], seed: seed)
        for topic in ["a", "b"] { try await broker.prepare(topic: topic, group: "all") }
        var options = RouterOptions.quiet()
        options.restart = .constant(.milliseconds(1))
        let router = Router(options)
        try router.register(
            FanIn(
                "all", from: ["a", "b"], on: faulty, to: "orders",
                options: .init(redelivery: .constant(.milliseconds(1)), lease: .milliseconds(200))))
        let probe = try await TopicProbe(of: "orders", on: broker)
        try await withRunning(router) {
            try await broker.publish(Arrivals.messages(0..<200), to: "a")
            try await broker.publish(Arrivals.messages(200..<400), to: "b")
            #expect(try await probe.arrivals(of: 400).copies > 400)
        }
    }

    @Test func whatCannotWorkIsRefused() throws {
        func refusal(_ fanIn: FanIn) -> String? {
            #expect(throws: MillraceError.self) { try Router(.quiet()).register(fanIn) }?.message
        }
        #expect(refusal(FanIn("f", from: [], on: broker, to: "t")) == "fan-in 'f': from is empty, it must be at least one topic")
        #expect(refusal(FanIn("f", from: ["a", "a"], on: broker, to: "t"))?.contains("'a' twice") == true)
        #expect(refusal(FanIn("f", from: ["a", "t"], on: broker, to: "t"))?.contains("to is 't'") == true)
        let other = MemoryTransport(observers: Observers([]))
        try Router(.quiet()).register(FanIn("f", from: ["a", "t"], on: broker, to: "t", publishingOn: other))
    }
}
