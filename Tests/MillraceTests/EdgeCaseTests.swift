import Millrace
import TestSupport
import MillraceMemory
import MillraceTesting
import Testing

/// Handlers that misbehave, each with the outcome that the documentation states.
@Suite(.timeLimit(.minutes(1))) struct EdgeCaseTests {
    @Test func aHandlerThatAlwaysThrowsIsTriedAgainWithGrowingDelays() async throws {
        let clock = ManualClock()
        let bench = try Bench(clock: clock)
        let attempts = Box<[(Int, Int64)]>([])
        let redelivery = Backoff.exponential(from: .milliseconds(100), upTo: .milliseconds(400), jitter: false)
        try await bench.run([Message(text: "x")], .init(redelivery: redelivery)) {
        } handler: { _, context in
            attempts.update { $0.append((context.attempt, context.clock.now.nanoseconds / 1_000_000)) }
            throw Flaky()
        } _: { _ in
            while attempts.value.count < 5 {
                clock.advance(by: .milliseconds(1))
                await Task.yield()
            }
        }
        #expect(attempts.value.map(\.0) == [1, 2, 3, 4, 5])
        let gaps = zip(attempts.value, attempts.value.dropFirst()).map { $1.1 - $0.1 }
        for (gap, expected) in zip(gaps, [100, 200, 400, 400] as [Int64]) { #expect(gap >= expected) }
    }

    @Test func afterItsLastAttemptAMessageGoesToTheDeadLetters() async throws {
        let bench = try Bench()
        let dead = try await TopicProbe(of: "in.dead-letter", on: bench.broker)
        let attempts = Box(0)
        try await bench.run([Message(id: "m", text: "x")], .init(maximumAttempts: 3, redelivery: .constant())) {
        } handler: { _, _ in
            attempts.update { $0 += 1 }
            throw Flaky()
        } _: { _ in
            let message = try await dead.next()
            #expect(message.id == "m")
            #expect(message.metadata["reason_poisoned"] == "Flaky()")
        }
        #expect(attempts.value == 3)
    }

    @Test func rejectGoesToTheDeadLettersAtOnce() async throws {
        let bench = try Bench()
        let dead = try await TopicProbe(of: "in.dead-letter", on: bench.broker)
        try await bench.run {
            Retry()
        } handler: { _, _ in
            throw Reject("not for us")
        } _: { _ in
            let message = try await dead.next()
            #expect(message.metadata["reason_poisoned"] == "not for us")
        }
    }

    @Test func handlersThatAreAbandonedAreNamedInOrderAndOthersAreNot() async throws {
        let broker = try quietBroker()
        let clock = ManualClock()
        let router = Router(RouterOptions(clock: clock, observers: []))
        let (entered, finished, release) = (Box(0), Box(0), Signal())
        for name in ["one", "two"] {
            try router.consume(name, from: "in", on: broker, options: .init(concurrency: 2)) { message, _ in
                guard name == "two" || message.payload.text == "x" else { return }
                entered.update { $0 += 1 }
                await release.waitUncancellably()
            }
        }
        try router.consume("fine", from: "in", on: broker) { _, _ in finished.update { $0 += 1 } }
        let task = Task { try await router.run(stoppingOn: []) }
        try await router.waitUntilRunning()
        try await broker.publish([Message(text: "x"), Message(text: "y")], to: "in")
        while entered.value < 3 || finished.value < 2 { await Task.yield() }
        router.shutdown()
        let error = await #expect(throws: MillraceError.self) {
            try await clock.advancing(upTo: .seconds(60)) { try await task.value }
        }
        #expect(
            error?.message
                == "handler 'one' of topic 'in' (1 delivery), handler 'two' of topic 'in' (2 deliveries): cancelled, and still at "
                + "work after a cancellationGrace of 5.0 seconds; what they had was given back")
        #expect(clock.elapsed == .seconds(25))
        release.fire()
    }

    @Test func theDefaultsOfAShutdownFitIntoThirtySeconds() {
        let options = RouterOptions()
        #expect(options.drainTimeout == .seconds(20))
        #expect(options.drainTimeout + options.cancellationGrace < .seconds(30))
    }

    @Test func aHandlerThatNeverReturnsIsAbandonedAndItsMessageGivenBack() async throws {
        let broker = try quietBroker()
        let router = Router(
            RouterOptions(drainTimeout: .milliseconds(20), cancellationGrace: .milliseconds(20), observers: []))
        let entered = Signal()
        let release = Signal()
        try router.consume("stuck", from: "in", on: broker) { _, _ in
            entered.fire()
            await release.waitUncancellably()
        }
        let task = Task { try await router.run(stoppingOn: []) }
        try await router.waitUntilRunning()
        try await broker.publish(Message(text: "x"), to: "in")
        try await entered.wait()
        router.shutdown()
        let error = await #expect(throws: MillraceError.self) { try await task.value }
        #expect(error?.code == .drainTimedOut)
        #expect(error?.message.hasPrefix("handler 'stuck' of topic 'in' (1 delivery): cancelled, and still at work") == true)
        #expect(broker.depth(of: "in", group: "stuck")?.waiting == 1)
        release.fire()
        // What it does afterwards has no effect: the message is still there.
        for _ in 0..<100 { await Task.yield() }
        #expect(broker.depth(of: "in", group: "stuck")?.total == 1)
    }

    @Test func aHandlerThatIsCutOffDoesNotCountAsFailed() async throws {
        let broker = try quietBroker()
        let router = Router(RouterOptions(drainTimeout: .milliseconds(20), observers: []))
        let entered = Signal()
        try router.consume("slow", from: "in", on: broker) { _, context in
            entered.fire()
            try await context.clock.sleep(for: .seconds(3_600))
        }
        try await withRunning(router) {
            try await broker.publish(Message(text: "x"), to: "in")
            try await entered.wait()
        }
        let next = try await broker.subscribe(to: "in", SubscriptionOptions(group: "slow"))
        var batch = DeliveryBatch()
        #expect(try await next.pull(into: &batch, upTo: 1))
        #expect(batch.records.first?.attempt == 1)
    }

    @Test func othersGoOnWhileOneHandlerHangs() async throws {
        let broker = try quietBroker()
        let router = Router(RouterOptions(drainTimeout: .milliseconds(20), observers: []))
        let handled = Box(0)
        let all = Signal()
        try router.consume("h", from: "in", on: broker, options: .init(concurrency: 2)) { message, context in
            if message.payload.text == "hang" { try await context.clock.sleep(for: .seconds(3_600)) }
            if handled.update({
                $0 += 1; return $0
            }) == 2_000 {
                all.fire()
            }
        }
        try await withRunning(router) {
            // Fast ones first, so that workers take large batches; then one that hangs, in the middle of a batch.
            for index in 0..<2_001 {
                try await broker.publish(Message(text: index == 1_000 ? "hang" : "go"), to: "in")
            }
            try await all.wait()
        }
        #expect(broker.depth(of: "in", group: "h")?.total == 1)
    }

    @Test func leasesAreRenewedWhileAHandlerWorks() async throws {
        let clock = ManualClock()
        let broker = try quietBroker(clock: clock)
        var options = RouterOptions.quiet
        options.clock = clock
        let router = Router(options)
        let calls = Box(0)
        let entered = Signal()
        let release = Signal()
        try router.consume("long", from: "in", on: broker, options: .init(concurrency: 2, lease: .seconds(3))) { _, _ in
            calls.update { $0 += 1 }
            entered.fire()
            try await release.wait()
        }
        try await withRunning(router) {
            try await broker.publish(Message(text: "x"), to: "in")
            try await entered.wait()
            // A minute of work on a lease of three seconds: nobody else gets the message.
            for _ in 0..<600 { clock.advance(by: .milliseconds(100)) }
            #expect(broker.depth(of: "in", group: "long")?.inFlight == 1)
            release.fire()
        }
        #expect(calls.value == 1)
    }

    @Test func aHundredThousandOutputsOfOneMessageArriveInOrder() async throws {
        let broker = try quietBroker()
        let router = Router(.quiet)
        try router.handle("fan", from: "in", on: broker, to: "out") { _, _ in
            Outputs((0..<100_000).map { Message(text: "\($0)") })
        }
        let out = try await broker.subscribe(to: "out", SubscriptionOptions(prefetch: 1_024))
        try await withRunning(router) {
            try await broker.publish(Message(text: "x"), to: "in")
            var next = 0
            var batch = DeliveryBatch()
            while next < 100_000, try await out.pull(into: &batch, upTo: 512) {
                for record in batch.records {
                    guard record.message.payload.text == "\(next)" else {
                        Issue.record("\(record.message.payload.text ?? "") instead of \(next)")
                        return
                    }
                    next += 1
                }
                out.acknowledge(batch.records.map(\.token))
                batch.removeAll()
            }
            #expect(next == 100_000)
        }
    }

    @Test func sixtyFourMiBGoThrough() async throws {
        let bytes = 64 << 20
        let message = Message(unsafeUninitializedCapacity: bytes) { memory in
            memory.initializeMemory(as: UInt8.self, repeating: 7)
            memory[bytes - 1] = 9
            return bytes
        }
        try await Bench().run([message]) {
        } handler: { message, _ in
            [Message(payload: message.payload)]
        } _: { out in
            let received = try await out.next()
            #expect(received.payload.count == bytes)
            #expect(received.payload.last == 9)
        }
    }

    @Test func anEmptyMetadataKeyInAnOutputIsAFailureOfTheHandler() async throws {
        let bench = try Bench()
        let dead = try await TopicProbe(of: "in.dead-letter", on: bench.broker)
        try await bench.run([Message(id: "m", text: "x")], .init(maximumAttempts: 1)) {
        } handler: { _, _ in
            [Message(text: "y", metadata: ["": "v"])]
        } _: { _ in
            let message = try await dead.next()
            #expect(message.id == "m")
            #expect(message.metadata["reason_poisoned"]?.contains("metadata key 0 is empty") == true)
        }
    }

    @Test func aHandlerThatPublishesToItsOwnTopicGoesOn() async throws {
        let broker = try quietBroker(MemoryOptions(capacity: 4))
        let router = Router(.quiet)
        let handled = Box(0)
        let done = Signal()
        try router.handle("loop", from: "in", on: broker, to: "in") { message, _ in
            let count = handled.update { count in
                count += 1
                return count
            }
            if count == 1_000 { done.fire() }
            return count < 1_000 ? [message] : []
        }
        try await withRunning(router) {
            for _ in 0..<16 { try await broker.publish(Message(text: "x"), to: "in") }
            try await done.wait()
        }
        #expect(handled.value >= 1_000)
    }

    @Test func aBrokerThatDoesNotAnswerDoesNotHoldUpTheShutdown() async throws {
        struct Silent: Subscriber {
            var capabilities: Capabilities { [.groups] }
            func subscribe(to topic: String, _ options: SubscriptionOptions) async throws -> any Subscription {
                try await Signal().wait()
                throw Flaky()
            }
        }
        let router = Router(.quiet)
        try router.consume("h", from: "in", on: Silent()) { _, _ in }
        let task = Task { try await router.run(stoppingOn: []) }
        #expect(!router.health.isReady)
        router.shutdown()
        task.cancel()
        try await task.value
    }

    @Test func aTopicThatCanNeverBeReadEndsTheRun() async throws {
        let broker = try quietBroker()
        await broker.close()
        let router = Router(.quiet)
        try router.consume("h", from: "in", on: broker) { _, _ in }
        let error = await #expect(throws: MillraceError.self) { try await router.run(stoppingOn: []) }
        #expect(error?.code == .closed)
        #expect(!router.health.isLive)
        #expect(
            "\(router.health)".hasPrefix(
                "not live; the router is stopped; handler 'h' of topic 'in' on memory was given up: closed: "))
    }

    @Test func oneInvalidOutputDoesNotHarmItsNeighbours() async throws {
        let bench = try Bench()
        let dead = try await TopicProbe(of: "in.dead-letter", on: bench.broker)
        try await bench.broker.prepare(topic: "in", group: "h")
        let messages = (0..<64).map { Message(text: "\($0)") }
        try await bench.run(messages, .init(maximumAttempts: 1)) {
        } handler: { message, _ in
            let text = message.payload.text ?? ""
            return [Message(text: text, metadata: text == "40" ? ["": ""] : [:])]
        } _: { out in
            var seen: Set<String> = []
            for _ in 0..<63 { seen.insert(try await out.next().payload.text ?? "") }
            #expect(seen == Set((0..<64).filter { $0 != 40 }.map(String.init)))
            let rejected = try await dead.next()
            #expect(rejected.payload.text == "40")
        }
    }

    @Test func aBatchHandlerIsSparedMessagesThatCrashTheProcess() async throws {
        let broker = try quietBroker()
        let crashing = try await broker.subscribe(to: "in", SubscriptionOptions(group: "b"))
        try await broker.publish(Message(text: "bad"), to: "in")
        for _ in 0..<2 {
            var batch = DeliveryBatch()
            _ = try await crashing.pull(into: &batch, upTo: 1)
            for record in batch.records { crashing.settle(record.token, .retry(after: .zero)) }
        }
        await crashing.close()
        try await broker.publish(Message(text: "good"), to: "in")
        let router = Router(.quiet)
        let seen = Box<[String?]>([])
        let done = Signal()
        try router.consumeBatches("b", from: "in", on: broker, upTo: 10, within: .zero, options: .init(maximumAttempts: 2)) {
            batch, _ in
            seen.update { $0 += batch.map { $0.message.payload.text } }
            done.fire()
        }
        let dead = try await TopicProbe(of: "in.dead-letter", on: broker)
        try await withRunning(router) {
            try await done.wait()
            let message = try await dead.next()
            #expect(message.payload.text == "bad")
        }
        #expect(seen.value == ["good"])
    }

    @Test func aShutdownIsHeardWhileTheRouterStillStarts() async throws {
        struct Down: Subscriber {
            var capabilities: Capabilities { [.groups] }
            func subscribe(to topic: String, _ options: SubscriptionOptions) async throws -> any Subscription {
                throw MillraceError(.connectionFailed, "down", isRetriable: true)
            }
        }
        let router = Router(.quiet)
        try router.consume("h", from: "in", on: Down()) { _, _ in }
        let task = Task { try await router.run(stoppingOn: []) }
        while router.health.handlers.first?.state != .restarting { await Task.yield() }
        router.shutdown()
        try await task.value
        #expect(router.health.phase == .stopped)
    }

    @Test func routerOptionsHaveBounds() async throws {
        for options in [
            RouterOptions(drainTimeout: .seconds(-1)), RouterOptions(cancellationGrace: .seconds(-1)),
            RouterOptions(restart: .exponential(from: .seconds(1), upTo: .zero)),
        ] {
            let error = await #expect(throws: MillraceError.self) { try await Router(options).run(stoppingOn: []) }
            #expect(error?.code == .invalidOption)
        }
    }
}
