import Millrace
import MillraceSQLite
import MillraceTesting
import TestSupport
import Testing

/// Messages that are due later: published so, or retried.
@Suite struct ScheduleTests {
    @Test func publishesAtItsTimeAndNotBefore() async throws {
        let folder = try TemporaryFolder()
        let clock = ManualClock()
        let broker = try await SQLiteTransport.open(folder, clock: clock)
        let subscription = try await broker.subscribe(to: "t", SubscriptionOptions(group: "g"))
        try await broker.publish([Message(text: "in 2 s")], to: "t", after: .seconds(2))
        try await broker.publish([Message(text: "in 1 s")], to: "t", at: clock.unixMilliseconds + 1_000)
        try await broker.publish([Message(text: "at once")], to: "t", at: 0)
        #expect(try await subscription.take(1).map(\.text) == ["at once"])
        clock.advance(by: .milliseconds(999))
        #expect(try await isEmpty(subscription, clock))
        clock.advance(by: .milliseconds(1))
        #expect(try await next(subscription).text == "in 1 s")
        clock.advance(by: .milliseconds(999))
        #expect(try await isEmpty(subscription, clock))
        clock.advance(by: .milliseconds(1))
        #expect(try await next(subscription).text == "in 2 s")
        await broker.close()
    }

    @Test func scheduleOutlivesItsProcess() async throws {
        let folder = try TemporaryFolder()
        let clock = ManualClock()
        let first = try await SQLiteTransport.open(folder, clock: clock)
        try await first.publish([Message(text: "later")], to: "t", after: .seconds(60))
        await first.close()
        clock.advance(by: .seconds(61))
        let second = try await SQLiteTransport.open(folder, clock: clock)
        let subscription = try await second.subscribe(to: "t", SubscriptionOptions(group: "g"))
        #expect(try await next(subscription).text == "later")
        await second.close()
    }

    @Test func retryOutlivesItsProcess() async throws {
        let folder = try TemporaryFolder()
        let clock = ManualClock()
        let first = try await SQLiteTransport.open(folder, clock: clock)
        try await first.publish([Message(text: "a", key: "k"), Message(text: "b", key: "k")], to: "t")
        let options = SubscriptionOptions(group: "g", ordered: .byKey)
        let reader = try await first.subscribe(to: "t", options)
        reader.settle(try await next(reader).token, .retry(after: .seconds(60)))
        try await reader.flush()
        await first.close()
        let second = try await SQLiteTransport.open(folder, clock: clock)
        let again = try await second.subscribe(to: "t", options)
        #expect(try await isEmpty(again, clock))
        clock.advance(by: .seconds(60))
        for (text, attempt) in [("a", 2), ("b", 1)] {
            let record = try await next(again)
            #expect(record.text == text)
            #expect(record.attempt == attempt)
            again.acknowledge([record.token])
        }
        await second.close()
    }

    /// A key that waits does not hold up others, however many messages it has.
    @Test func blockedKeyIsPassedOver() async throws {
        let folder = try TemporaryFolder()
        let broker = try await SQLiteTransport.open(folder)
        let options = SubscriptionOptions(group: "g", prefetch: 4, ordered: .byKey)
        let messages = (0..<1_000).map { Message(text: "slow \($0)", key: "slow") } + [Message(text: "fast", key: "fast")]
        try await broker.publish(messages, to: "t")
        let reader = try await broker.subscribe(to: "t", options)
        let first = try await next(reader)
        #expect(first.text == "slow 0")
        reader.settle(first.token, .retry(after: .seconds(3_600)))
        #expect(try await next(reader).text == "fast")
        #expect(try await reader.isEmpty())
        await broker.close()
    }

    private func next(_ subscription: any Subscription) async throws -> DeliveryRecord {
        var batch = DeliveryBatch()
        _ = try await withTimeLimit(.seconds(30), "a delivery") {
            var batch = DeliveryBatch()
            _ = try await subscription.pull(into: &batch, upTo: 1)
            return batch
        }.records.map { batch.records.append($0) }
        guard let record = batch.records.first else { throw MillraceError(.timedOut, "no delivery", isRetriable: false) }
        return record
    }

    /// With a clock that stands still, only what is there can come.
    private func isEmpty(_ subscription: any Subscription, _ clock: ManualClock) async throws -> Bool {
        var batch = DeliveryBatch()
        return try await !subscription.pull(into: &batch, upTo: 1, until: clock.now)
    }
}
