import Millrace
import MillraceMemory
import MillraceTesting
import Testing

@Suite struct DelayTests {
    private let clock = ManualClock()

    private func broker(_ options: MemoryOptions = .init()) throws -> MemoryTransport {
        try MemoryTransport(options, clock: clock, observers: Observers([]))
    }

    private func texts(_ subscription: any Subscription) async throws -> [String] {
        var batch = DeliveryBatch()
        while try await subscription.pull(into: &batch, upTo: 100, until: clock.now) {}
        return batch.records.compactMap(\.message.payload.text)
    }

    @Test func messagesComeWhenTheyAreDue() async throws {
        let broker = try broker()
        let subscription = try await broker.subscribe(to: "t", SubscriptionOptions(group: "g"))
        try await broker.publish(Message(text: "late"), to: "t", after: .seconds(5))
        try await broker.publish([Message(text: "early"), Message(text: "next")], to: "t", after: .seconds(2))
        try await broker.publish(Message(text: "last"), to: "t", after: .seconds(5))
        try await broker.publish(Message(text: "now"), to: "t", after: .zero)
        #expect(try await texts(subscription) == ["now"])
        clock.advance(by: .milliseconds(1_999))
        #expect(try await texts(subscription) == [])
        clock.advance(by: .milliseconds(1))
        #expect(try await texts(subscription) == ["early", "next"])
        clock.advance(by: .seconds(3))
        #expect(try await texts(subscription) == ["late", "last"])
        #expect(clock.timerCount <= 1)
    }

    @Test func aGroupThatIsFullGetsThemAllTheSame() async throws {
        let broker = try broker(MemoryOptions(capacity: 1))
        let subscription = try await broker.subscribe(to: "t", SubscriptionOptions(group: "g"))
        try await broker.publish(Message(text: "0"), to: "t")
        try await broker.publish([Message(text: "1"), Message(text: "2")], to: "t", after: .seconds(1))
        clock.advance(by: .seconds(1))
        #expect(try await texts(subscription) == ["0", "1", "2"])
    }

    @Test(arguments: [MemoryOptions.Overflow.dropNewest, .dropOldest]) func whatIsToBeDroppedIsDropped(
        _ overflow: MemoryOptions.Overflow
    ) async throws {
        let broker = try broker(MemoryOptions(capacity: 2, overflow: overflow))
        let subscription = try await broker.subscribe(to: "t", SubscriptionOptions(group: "g"))
        try await broker.publish(Message(text: "0"), to: "t")
        try await broker.publish((1...3).map { Message(text: "\($0)") }, to: "t", after: .seconds(1))
        clock.advance(by: .seconds(1))
        #expect(try await texts(subscription) == (overflow == .dropNewest ? ["0", "1"] : ["2", "3"]))
    }

    @Test func noMoreWaitThanMay() async throws {
        let broker = try broker(MemoryOptions(maximumDelayed: 3))
        let subscription = try await broker.subscribe(to: "t", SubscriptionOptions(group: "g"))
        try await broker.publish([Message(text: "0"), Message(text: "1")], to: "t", after: .seconds(1))
        let more = [Message(text: "2"), Message(text: "3")]
        let error = await #expect(throws: MillraceError.self) { try await broker.publish(more, to: "t", after: .seconds(1)) }
        #expect(error?.code == .publishFailed)
        #expect((error?.underlying as? MillraceError)?.code == .overflow)
        #expect(error?.failures.map(\.index) == [0, 1])
        clock.advance(by: .seconds(1))
        try await broker.publish(more, to: "t", after: .seconds(1))
        clock.advance(by: .seconds(1))
        #expect(try await texts(subscription) == ["0", "1", "2", "3"])
        #expect(throws: MillraceError.self) { try MemoryOptions(maximumDelayed: 0).validate() }
        #expect(try MemoryOptions(url: TransportURL("memory:?maximum-delayed=7")).maximumDelayed == 7)
    }

    @Test func whatWaitsIsGoneWithTheTransport() async throws {
        let broker = try broker()
        try await broker.publish(Message(text: "0"), to: "t", after: .seconds(1))
        #expect(clock.timerCount == 1)
        await broker.close()
        #expect(clock.timerCount == 0)
        clock.advance(by: .seconds(1))
        let error = await #expect(throws: MillraceError.self) {
            try await broker.publish(Message(text: "0"), to: "t", after: .seconds(1))
        }
        #expect(error?.code == .closed)
    }

    @Test func whatCannotBeIsRefusedAtOnce() async throws {
        let broker = try broker()
        await #expect(throws: MillraceError.self) {
            try await broker.publish(Message(text: "0", metadata: ["": "x"]), to: "t", after: .seconds(1))
        }
        await #expect(throws: MillraceError.self) { try await broker.publish(Message(text: "0"), to: "", after: .seconds(1)) }
        #expect(clock.timerCount == 0)
    }
}
