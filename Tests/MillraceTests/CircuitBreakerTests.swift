@testable import Millrace
import TestSupport
import MillraceMemory
import MillraceTesting
import Testing

@Suite(.timeLimit(.minutes(1))) struct CircuitBreakerTests {
    @Test("An outage of 10,000 messages leaves the poison queue empty", arguments: [1, 8], [nil, 1, 3])
    func outage(concurrency: Int, maximumAttempts: Int?) async throws {
        let service = try Service()
        try await service.watchPoison()
        service.isUp.update { $0 = false }
        let router = try service.router(.init(concurrency: concurrency, maximumAttempts: maximumAttempts))
        try await withRunning(router) {
            try await service.publish(0..<10_000)
            await service.advance { service.opened().count >= 6 }
            #expect(router.health.handlers.first?.pausedBy == [.circuitBreaker])
            // One message at a time is tried, twice each by `Retry`; what was under way when it opened comes on top.
            #expect(service.calls.value.count <= 2 * (10 + 6 + concurrency))
            service.isUp.update { $0 = true }
            await service.advance { service.done.value.count + service.poisoned >= 10_000 }
            // Told by another thread, maybe.
            await service.advance { service.states.value.last == .closed }
        }
        #expect(service.poisoned == 0)
        #expect(Array(service.opened()[..<6]) == [5, 10, 20, 40, 60, 60].map { Duration.seconds($0) })
        let states = service.states.value
        #expect(states.starts(with: [.open, .halfOpen, .open, .halfOpen, .open]) && states.last == .closed)
        // In the order in which they came.
        for (one, next) in zip(states, states.dropFirst()) {
            #expect(next == .halfOpen ? one == .open : one == .halfOpen || one == .closed)
        }
    }

    @Test("An outage on a busy topic, with a window full of successes, poisons nothing either", arguments: [1, 8])
    func outageAfterSuccesses(concurrency: Int) async throws {
        let service = try Service()
        try await service.watchPoison()
        let router = try service.router(.init(concurrency: concurrency))
        try await withRunning(router) {
            try await service.publish(0..<1_000)
            while service.done.value.count < 1_000 { await Task.yield() }
            service.isUp.update { $0 = false }
            try await service.publish(1_000..<3_000)
            await service.advance { service.opened().count >= 2 }
            service.isUp.update { $0 = true }
            await service.advance { service.done.value.count + service.poisoned >= 3_000 }
        }
        #expect(service.poisoned == 0)
    }

    @Test("Outages that come and go poison nothing")
    func flapping() async throws {
        let service = try Service()
        try await service.watchPoison()
        let router = try service.router(.init(concurrency: 4, maximumAttempts: 2))
        try await withRunning(router) {
            for round in 0..<5 {
                service.isUp.update { $0 = false }
                let before = service.opened().count
                try await service.publish(round * 100..<(round + 1) * 100)
                await service.advance { service.opened().count > before + 1 }
                service.isUp.update { $0 = true }
                await service.advance { service.done.value.count + service.poisoned >= (round + 1) * 100 }
            }
        }
        #expect(service.poisoned == 0)
    }

    @Test("A single bad message on a quiet topic is poisoned after `patience` holds", arguments: [1, 3])
    func quietTopic(patience: Int) async throws {
        let service = try Service()
        try await service.watchPoison()
        service.isBad.update { $0 = { _ in true } }
        let router = try service.router(.init(maximumAttempts: 1), patience: patience, minimumCount: 2)
        try await withRunning(router) {
            try await service.publish(0..<1)
            await service.advance { service.poisoned == 1 }
        }
        #expect(service.calls.value.count == 2 * (patience + 1))
        #expect(service.opened().isEmpty)
    }

    @Test("Bad messages among good ones are poisoned when they fail a second time")
    func badAmongGood() async throws {
        let service = try Service()
        try await service.watchPoison()
        service.isBad.update { $0 = { message in message.payload.text?.hasSuffix("7") ?? false } }
        let router = try service.router()
        try await withRunning(router) {
            try await service.publish(0..<200)
            await service.advance { service.poisoned == 20 && service.done.value.count == 180 }
        }
        #expect(service.opened().isEmpty)
        let sevens = service.calls.value.filter { $0 == "7" }
        #expect(sevens.count == 4)
    }

    @Test("Bad messages at the head do not keep the circuit open once the downstream is back")
    func badAtTheHead() async throws {
        let service = try Service()
        try await service.watchPoison()
        service.isUp.update { $0 = false }
        service.isBad.update { $0 = { message in ["0", "1", "2", "10", "11"].contains(message.payload.text) } }
        let router = try service.router()
        try await withRunning(router) {
            try await service.publish(0..<100)
            await service.advance { service.opened().count >= 2 }
            service.isUp.update { $0 = true }
            await service.advance(.seconds(1)) { service.done.value.count == 95 && service.poisoned == 5 }
        }
    }

    @Test("While a probe is under way nothing else is fetched, over and over or at all")
    func probesAreSingle() async throws {
        let service = try Service()
        service.isUp.update { $0 = false }
        let gate = Box(Signal())
        let isProbing = Box(false)
        let pulls = Counting(service.broker)
        let router = try service.router(.init(concurrency: 8), on: pulls, probes: 2) { _ in
            guard isProbing.value else { return }
            try await gate.value.wait()
        }
        try await withRunning(router) {
            try await service.publish(0..<1_000)
            await service.advance { service.opened().count >= 1 }
            service.isUp.update { $0 = true }
            isProbing.update { $0 = true }
            for passed in 0..<2 {
                let calls = service.calls.value.count
                if passed == 0 { service.clock.advance(by: .seconds(5)) }
                while service.calls.value.count == calls { await Task.yield() }
                for _ in 0..<1_000 { await Task.yield() }
                #expect(service.calls.value.count == calls + 1)
                let before = pulls.count.value
                for _ in 0..<1_000 { await Task.yield() }
                #expect(pulls.count.value == before)
                if passed == 1 { isProbing.update { $0 = false } }
                gate.update { gate in
                    gate.fire()
                    gate = Signal()
                }
            }
            await service.advance { service.done.value.count == 1_000 }
        }
        #expect(service.states.value == [.open, .halfOpen, .closed])
    }

    @Test("A shutdown while the circuit is open is clean, and nothing is lost")
    func shutdownWhileOpen() async throws {
        let service = try Service()
        service.isUp.update { $0 = false }
        let router = try service.router(.init(concurrency: 2))
        try await withRunning(router) {
            try await service.publish(0..<100)
            await service.advance { service.opened().count >= 1 }
        }
        let depth = try #require(service.broker.depth(of: "in", group: "h"))
        #expect(depth.waiting + depth.delayed == 100)
        #expect(depth.inFlight == 0)
        // Its timer finds nothing to do.
        service.clock.advance(by: .seconds(60))
    }

    @Test("A probe that is cut off by a shutdown counts neither way")
    func cutOffProbe() async throws {
        let service = try Service()
        service.isUp.update { $0 = false }
        let never = Signal()
        let isProbing = Box(false)
        let probing = Signal()
        let router = try service.router { _ in
            guard isProbing.value else { return }
            probing.fire()
            try await never.wait()
        }
        let ending = Task {
            try await withRunning(router) {
                try await service.publish(0..<20)
                await service.advance { service.opened().count >= 1 }
                isProbing.update { $0 = true }
                await service.advance { probing.hasFired }
            }
        }
        while !probing.hasFired { await Task.yield() }
        let over = Signal()
        let driver = Task { await service.advance { over.hasFired } }
        try await ending.value
        over.fire()
        await driver.value
        #expect(service.opened().count == 1)
        let depth = try #require(service.broker.depth(of: "in", group: "h"))
        #expect(depth.waiting + depth.delayed == 20)
    }

    @Test("What is no sign of an outage goes outward at once")
    func otherErrors() async throws {
        for error in [Reject("no"), MillraceError(.decodingFailed, "no", isRetriable: false)] as [any Error] {
            let service = try Service()
            try await service.watchPoison()
            let router = try service.router { _ in throw error }
            try await withRunning(router) {
                try await service.publish(0..<20)
                while service.poisoned < 20 { await Task.yield() }
            }
            #expect(service.opened().isEmpty)
            #expect(service.calls.value.count == 20)
        }
    }

    @Test("Each handler has a circuit of its own")
    func perHandler() async throws {
        let service = try Service()
        service.isUp.update { $0 = false }
        let router = try service.router()
        try router.consume("other", from: "in", on: service.broker) { _, _ in }
        try await withRunning(router) {
            try await service.publish(0..<50)
            await service.advance { service.opened().count >= 1 && router.health.handlers.last?.handled == 50 }
            #expect(router.health.handlers.last?.pausedBy == [])
        }
    }

    @Test("What Retry hands to the transport counts as a failure")
    func handedOverFailures() async throws {
        let clock = ManualClock()
        let events = RecordingObserver()
        let broker = try quietBroker(clock: clock)
        var options = RouterOptions.quiet
        options.clock = clock
        options.observers = [events]
        let router = Router(options) {
            CircuitBreaker()
            Retry(attempts: 10, backoff: .constant(.seconds(1)), inPlaceUpTo: .zero)
        }
        try router.consume("h", from: "in", on: broker) { _, _ in throw Flaky() }
        try await withRunning(router) {
            try await broker.publish((0..<10).map { Message(text: "\($0)") }, to: "in")
            try await events.event { if case .circuitOpened = $0.kind { true } else { false } }
        }
    }

    @Test("A slow outage, with two messages that take turns, opens the circuit instead of poisoning")
    func slowOutage() {
        var machine = CircuitMachine(
            window: .seconds(10), minimumCount: 10, failureShare: 0.5, patience: 3, probes: 1)
        let worker = ObjectIdentifier(Flaky.self as AnyObject)
        var verdicts: [CircuitMachine.Verdict] = []
        for attempt in 0..<20 where machine.phase == .closed {
            let now = ClockInstant(nanoseconds: Int64(attempt) * 30_000_000_000)
            verdicts.append(machine.failed(MessageID("\(attempt % 2)"), worker, at: now).0)
        }
        #expect(!verdicts.contains(.outward))
        #expect(machine.phase == .open)
        #expect(verdicts.count == 7)
    }

    @Test("In a single lane an outage costs the first message, and the second opens the circuit")
    func singleLane() {
        var machine = CircuitMachine(
            window: .seconds(10), minimumCount: 10, failureShare: 0.5, patience: 3, probes: 1)
        let worker = ObjectIdentifier(Flaky.self as AnyObject)
        var now = ClockInstant(nanoseconds: 0)
        func verdicts(_ id: MessageID) -> [CircuitMachine.Verdict] {
            (0..<4).map { _ in
                now = now.advanced(by: .seconds(1))
                return machine.failed(id, worker, at: now).0
            }
        }
        #expect(verdicts("1") == [.hold(1), .hold(2), .hold(3), .outward])
        #expect(verdicts("2") == [.hold(1), .hold(2), .hold(3), .handBack])
        #expect(machine.phase == .open)
    }

    @Test("The window forgets what is older, a tenth at a time")
    func window() {
        var window = RollingWindow(.seconds(10))
        func second(_ second: Int64) -> ClockInstant { ClockInstant(nanoseconds: second * 1_000_000_000) }
        for now in 0..<10 { window.add(isFailure: now < 5, at: second(Int64(now))) }
        #expect(window.outcomes == 10 && window.failures == 5)
        window.advance(to: second(10))
        #expect(window.outcomes == 9 && window.failures == 4)
        window.advance(to: second(14))
        #expect(window.outcomes == 5 && window.failureShare == 0)
        window.advance(to: second(1_000_000))
        #expect(window.outcomes == 0)
        window.add(isFailure: true, at: second(1_000_000))
        #expect(window.failureShare == 1)
    }

    @Test("Parameters out of bounds are refused at registration")
    func parameters() throws {
        func refusal(_ breaker: CircuitBreaker) throws -> String? {
            let router = Router(.quiet) { breaker }
            let broker = try quietBroker()
            return #expect(throws: MillraceError.self) { try router.consume("h", from: "in", on: broker) { _, _ in } }?.message
        }
        #expect(
            try refusal(CircuitBreaker(minimumCount: 1))
                == "handler 'h': CircuitBreaker: minimumCount is 1, it must be at least 2, as one message alone can't tell")
        #expect(try refusal(CircuitBreaker(window: .zero))?.contains("window is 0.0 seconds") == true)
        #expect(try refusal(CircuitBreaker(failureShare: 0))?.contains("failureShare is 0.0") == true)
        #expect(try refusal(CircuitBreaker(failureShare: .nan))?.contains("failureShare is nan") == true)
        #expect(try refusal(CircuitBreaker(openFor: .constant()))?.contains("openFor.first is 0.0") == true)
        #expect(try refusal(CircuitBreaker(probes: 0))?.contains("probes is 0") == true)
        #expect(try refusal(CircuitBreaker(patience: 0))?.contains("patience is 0") == true)
        #expect(
            try refusal(CircuitBreaker(holdFor: .exponential(from: .seconds(2), upTo: .seconds(1))))?
                .contains("holdFor: backoff.maximum") == true)
    }

    /// Counts the deliveries that are pulled.
    private final class Counting: Subscriber {
        let base: MemoryTransport
        let count = Box(0)
        init(_ base: MemoryTransport) { self.base = base }
        var capabilities: Capabilities { base.capabilities }
        func subscribe(to topic: String, _ options: SubscriptionOptions) async throws -> any Subscription {
            Counted(base: try await base.subscribe(to: topic, options), count: count)
        }

        private final class Counted: SubscriptionWrapper {
            let base: any Subscription
            let count: Box<Int>
            init(base: any Subscription, count: Box<Int>) {
                self.base = base
                self.count = count
            }
            func pull(into batch: inout DeliveryBatch, upTo limit: Int, until deadline: ClockInstant?) async throws -> Bool {
                let pulled = try await base.pull(into: &batch, upTo: limit, until: deadline)
                let pulledCount = batch.count
                count.update { $0 += pulledCount }
                return pulled
            }
        }
    }
}
