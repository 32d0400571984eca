import Millrace
import MillraceMemory
import MillraceTesting
import Testing

extension MemoryTests {
    /// Draining handlers whose outputs go to a full topic that nobody reads any more. The clock stands still, so that nothing
    /// is ever cut off: what waits, waits for good.
    @Suite struct Drain {
        private let clock = ManualClock()

        /// Where the first handler's input comes from.
        enum Input: Sendable, CaseIterable { case sameTransport, anotherMemory, foreign }

        private func broker(_ capacity: Int, publishReturns: MemoryOptions.PublishReturn = .whenStored) throws
            -> MemoryTransport
        {
            let options = MemoryOptions(capacity: capacity, publishReturns: publishReturns)
            return try MemoryTransport(options, clock: clock, observers: Observers())
        }

        private func router() -> Router { Router(RouterOptions(clock: clock, observers: [])) }

        private func yield(until condition: @Sendable () -> Bool) async {
            while !condition(), !Task.isCancelled { await Task.yield() }
        }

        @Test(
            "A handler that waits for a full topic ends its work when the topic's readers stop, wherever its input comes from",
            arguments: Input.allCases)
        func fullOutputDoesNotHoldUpTheDrain(_ input: Input) async throws {
            let (output, entered, gate) = (try broker(2), Signal(), Signal())
            let source = input == .sameTransport ? output : try broker(100)
            let subscriber: any Subscriber = input == .foreign ? ForeignSubscriber(base: source) : source
            let router = router()
            let (sent, seen) = (5, Tally())
            try await output.prepare(topic: "b", group: "second")
            try router.handle("first", from: "a", on: subscriber, to: "b", publishingOn: output) { _, _ in
                Outputs((0..<sent).map { Message(text: "\($0)") })
            }
            try router.consume("second", from: "b", on: output, options: .init(prefetch: 1)) { message, _ in
                entered.fire()
                await gate.waitUncancellably()
                seen.add(message.id)
            }
            let running = Task { try await router.run(stoppingOn: []) }
            try await router.waitUntilRunning()
            try await source.publish(Message(text: "go"), to: "a")
            try await withTimeLimit(.seconds(60), "the full topic") { [self] in
                try await entered.wait()
                // One at the second handler, one behind it, and the first handler waits with the rest.
                await yield { output.depth(of: "b", group: "second")?.total == 2 }
            }
            router.shutdown()
            gate.fire()
            try await withTimeLimit(.seconds(60), "the drain") { try await running.value }
            let left = try #require(output.depth(of: "b", group: "second"))
            #expect(left.inFlight == 0 && left.delayed == 0)
            #expect(left.waiting + seen.count == sent, "none lost, none twice")
            // Beyond the capacity goes what handlers had in hand, and nothing else.
            #expect(left.waiting <= 2 + sent)
            #expect(source.depth(of: "a", group: "first")?.total == 0)
        }

        @Test("Subscribing while the transport is closed fails, or gives a subscription that has ended")
        func subscribingWhileClosing() async throws {
            for round in 0..<10_000 {
                let broker = try broker(10)
                try await broker.prepare(topic: "a", group: "g")
                let reader = Task {
                    var batch = DeliveryBatch()
                    let subscription = try await broker.subscribe(to: "a", SubscriptionOptions(group: "g"))
                    return try await subscription.pull(into: &batch, upTo: 1)
                }
                let closer = Task { await broker.close() }
                let result = try await withTimeLimit(.seconds(60), "round \(round)") { await reader.result }
                await closer.value
                switch result {
                case .success(let more): #expect(!more)
                case .failure(let error): #expect((error as? MillraceError)?.code == .closed)
                }
            }
        }

        @Test("A handler does not wait for acknowledgements, wherever its input comes from", arguments: Input.allCases)
        func handlersDoNotWaitForAcknowledgements(_ input: Input) async throws {
            let output = try broker(100, publishReturns: .whenAcknowledged)
            let source = input == .sameTransport ? output : try broker(100)
            let subscriber: any Subscriber = input == .foreign ? ForeignSubscriber(base: source) : source
            try await output.prepare(topic: "b", group: "later")
            let router = router()
            try router.handle("first", from: "a", on: subscriber, to: "b", publishingOn: output) { message, _ in [message] }
            let running = Task { try await router.run(stoppingOn: []) }
            try await router.waitUntilRunning()
            let publisher = Task { try await source.publish(Message(text: "go"), to: "a") }
            try await withTimeLimit(.seconds(60), "the handler") { [self] in
                await yield { source.depth(of: "a", group: "first")?.total == 0 }
                try await publisher.value
            }
            router.shutdown()
            try await withTimeLimit(.seconds(60), "the drain") { try await running.value }
            #expect(output.depth(of: "b", group: "later")?.waiting == 1)
        }
    }
}

/// Subscriptions that no transport knows as its own.
private struct ForeignSubscriber: Subscriber {
    let base: MemoryTransport

    var capabilities: Capabilities { base.capabilities }

    func subscribe(to topic: String, _ options: SubscriptionOptions) async throws -> any Subscription {
        Foreign(base: try await base.subscribe(to: topic, options))
    }

    private final class Foreign: Subscription {
        private let base: any Subscription

        init(base: any Subscription) { self.base = base }

        var topic: String { base.topic }
        var group: String? { base.group }

        func pull(into batch: inout DeliveryBatch, upTo limit: Int, until deadline: ClockInstant?) async throws -> Bool {
            try await base.pull(into: &batch, upTo: limit, until: deadline)
        }

        func acknowledge(_ tokens: [DeliveryToken]) { base.acknowledge(tokens) }
        func settle(_ token: DeliveryToken, _ settlement: Settlement) { base.settle(token, settlement) }
        func renew(_ tokens: [DeliveryToken]) { base.renew(tokens) }
        func pause() { base.pause() }
        func resume() { base.resume() }
        func stopFetching() { base.stopFetching() }
        func flush() async throws { try await base.flush() }
        func close() async { await base.close() }
    }
}
