import Millrace
import MillraceCQRS
import MillraceMemory
import MillraceTesting
import Testing

@Suite struct BridgeTests {
    private let here = MemoryTransport(observers: Observers([]))
    private let there = MemoryTransport(observers: Observers([]))

    @Test func topicsAreMapped() async throws {
        let router = Router(.quiet())
        try router.register(Bridge("same", from: here, to: there, topics: ["orders"]))
        try router.register(Bridge("renamed", from: here, to: there, topics: ["bills": "shop.bills"]))
        try router.register(
            Bridge("some", from: here, to: there, topics: TopicMapping(["a", "b"]) { $0 == "a" ? "only.\($0)" : nil }))
        let probes = try await [
            TopicProbe(of: "orders", on: there), TopicProbe(of: "shop.bills", on: there), TopicProbe(of: "only.a", on: there),
        ]
        try await withRunning(router) {
            for topic in ["orders", "bills", "b", "a"] {
                try await here.publish(Message(id: "m", text: topic, key: "k", metadata: ["x": "y"]), to: topic)
            }
            for (probe, link) in zip(probes, ["same", "renamed", "some"]) {
                let message = try await probe.next()
                #expect(message.id == "m")
                #expect(message.key == "k")
                #expect(message.metadata == ["x": "y", MetadataKey.bridges: link])
            }
        }
        #expect(router.describe().handlers.map(\.name) == ["same.orders", "renamed.bills", "some.a", "some.b"])
        #expect(router.describe().handlers.map(\.output) == ["orders", "shop.bills", nil, nil])
    }

    @Test func aWayThereAndBackIsNoCircle() async throws {
        let router = Router(.quiet())
        try router.register(Bridge("there", from: here, to: there, topics: ["orders"], link: "l"))
        try router.register(Bridge("back", from: there, to: here, topics: ["orders"], link: "l"))
        let (mine, theirs) = (try await TopicProbe(of: "orders", on: here), try await TopicProbe(of: "orders", on: there))
        try await withRunning(router) {
            for number in 0..<5 {
                try await here.publish(Message(text: "here \(number)", key: "k"), to: "orders")
                try await there.publish(Message(text: "there \(number)", key: "k"), to: "orders")
            }
            _ = try await mine.collect(10)
            _ = try await theirs.collect(10)
            // What would go in circles would come before these.
            try await here.publish(Message(text: "end", key: "k"), to: "orders")
            #expect(try await mine.next().payload.text == "end")
            #expect(try await theirs.next().payload.text == "end")
        }
        #expect(mine.messages.count == 11)
        #expect(theirs.messages.count == 11)
    }

    /// Three brokers in a ring, each bridge by itself: a message goes round once and no more.
    @Test func aRingEndsWhereItBegan() async throws {
        let third = MemoryTransport(observers: Observers([]))
        let router = Router(.quiet())
        try router.register(Bridge("1", from: here, to: there, topics: ["t"]))
        try router.register(Bridge("2", from: there, to: third, topics: ["t"]))
        try router.register(Bridge("3", from: third, to: here, topics: ["t"]))
        let probe = try await TopicProbe(of: "t", on: here)
        try await withRunning(router) {
            try await here.publish(Message(text: "round", key: "k"), to: "t")
            #expect(try await probe.collect(2).map { $0.metadata[MetadataKey.bridges] } == [nil, "1,2,3"])
            try await third.publish(Message(text: "end", key: "k"), to: "t")
            #expect(try await probe.next().payload.text == "end")
        }
    }

    @Test(arguments: 0..<3) func nothingIsLostByFaults(_ seed: UInt64) async throws {
        let source = FaultyTransport(
            here, plan: [.cutSubscription: .probability(0.01), .dropAcknowledgement: .probability(0.05)], seed: seed)
        let target = FaultyTransport(
            there, plan: [.failPublish: .probability(0.3), .losePublishReply: .probability(0.2)], seed: seed)
        try await here.prepare(topic: "orders", group: "bridge")
        var options = RouterOptions.quiet()
        options.restart = .constant(.milliseconds(1))
        let router = Router(options)
        try router.register(
            Bridge(
                "bridge", from: source, to: target, topics: ["orders"],
                options: .init(ordered: .byKey, redelivery: .constant(.milliseconds(1)), lease: .milliseconds(200))))
        let probe = try await TopicProbe(of: "orders", on: there)
        try await withRunning(router) {
            try await here.publish(Arrivals.messages(0..<500), to: "orders")
            let arrivals = try await probe.arrivals(of: 500)
            #expect(arrivals.disordered.isEmpty)
            #expect(arrivals.copies > 500)
        }
    }

    @Test func whatCannotWorkIsRefused() {
        func refusal(_ bridge: Bridge) -> String? {
            #expect(throws: MillraceError.self) { try Router(.quiet()).register(bridge) }?.message
        }
        #expect(refusal(Bridge("b", from: here, to: there, topics: []))?.hasPrefix("bridge 'b': topics is empty") == true)
        #expect(refusal(Bridge("b", from: here, to: there, topics: ["a", "a"]))?.contains("'a' twice") == true)
        #expect(refusal(Bridge("b", from: here, to: here, topics: ["a"]))?.contains("'a' to itself") == true)
        #expect(refusal(Bridge("b", from: here, to: there, topics: ["a"], link: "x,y"))?.contains("link is 'x,y'") == true)
        #expect(
            refusal(Bridge("b", from: here, to: there, topics: ["a"], undeliverableTo: "a"))?.contains("undeliverableTo") == true)
    }
}
