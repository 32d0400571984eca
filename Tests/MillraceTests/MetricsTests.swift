import MillraceMemory
import MillraceTesting
import Testing

@testable import Millrace
import TestSupport

@Suite(.timeLimit(.minutes(1))) struct MetricsTests {
    let metrics = MetricsRegistry()

    @Test("One line counts and times what a handler does, publishes and acknowledges")
    func everythingIsCounted() async throws {
        let clock = ManualClock()
        try await Bench(clock: clock).run([Message(text: "a"), Message(text: "b")]) {
            MetricsMiddleware(in: metrics)
        } handler: { message, _ in
            clock.advance(by: .milliseconds(30))
            return [message] + .to("side", Message(text: "c"))
        } _: { out in
            _ = try await out.collect(2)
        }
        let handler: MetricLabels = [
            "messaging_system": "memory", "messaging_destination_name": "in", "messaging_consumer_group_name": "h",
            "millrace_handler": "h", "messaging_operation_name": "process",
        ]
        let process = try #require(
            metrics.distribution("messaging_process_duration_seconds", handler.adding(["error_type": ""])))
        #expect(process.count == 2)
        #expect(process.sum == 0.06)
        #expect(process.buckets.map(\.upTo).prefix(3) == [0.005, 0.01, 0.025])
        #expect(process.buckets.map(\.count).prefix(4) == [0, 0, 0, 2])
        #expect(metrics.number("messaging_client_consumed_messages_total", handler) == 2)
        for topic in ["out", "side"] {
            let labels: MetricLabels = [
                "messaging_system": "memory", "messaging_destination_name": topic, "messaging_operation_name": "send",
                "millrace_handler": "h", "error_type": "",
            ]
            #expect(metrics.number("messaging_client_sent_messages_total", labels) == 2)
            let duration = metrics.distribution("messaging_client_operation_duration_seconds", labels)
            #expect((1...2).contains(duration?.count ?? 0))
        }
        let acknowledged = try #require(
            metrics.distribution("millrace_acknowledgement_duration_seconds", ["millrace_handler": "h"]))
        #expect(acknowledged.count == 2)
        #expect(acknowledged.sum >= 0.06)
    }

    @Test("Failures are timed by the type of their error, and given up messages are counted")
    func failuresAreCounted() async throws {
        let bench = try Bench()
        let poisoned = try await TopicProbe(of: "poison", on: bench.broker)
        try await bench.run {
            MetricsMiddleware(in: metrics)
            PoisonQueue("poison", on: bench.broker)
            MetricsMiddleware(in: metrics)
            Retry(attempts: 3, backoff: .constant())
        } handler: { _, _ in
            throw Flaky()
        } _: { _ in
            _ = try await poisoned.next()
        }
        #expect(metrics.number("millrace_retries_total") == 2)
        #expect(metrics.number("millrace_poisoned_messages_total") == 1)
        #expect(metrics.number("millrace_rejected_messages_total") == 0)
        #expect(metrics.number("messaging_client_sent_messages_total") == 0)
        // The inner one has seen the error, the outer one that it was taken care of.
        let name = "messaging_process_duration_seconds"
        #expect(metrics.distribution(name, ["error_type": "Flaky"])?.count == 1)
        #expect(metrics.distribution(name, ["error_type": ""])?.count == 1)
    }

    @Test("Redeliveries, rejections and drops are counted, with what was behind them")
    func settlementsAreCounted() async throws {
        let bench = try Bench(observers: [])
        let tries = Box(0)
        let messages = ["later", "reject", "drop", "good"].map { Message(text: $0) }
        try await bench.run(messages) {
            MetricsMiddleware(in: metrics)
            FailurePolicy(.on(CancellationError.self, .drop))
        } handler: { message, _ in
            switch message.payload.text {
            case "later"
            where tries.update({
                $0 += 1; return $0
            }) == 1: throw RetryLater(after: .zero, because: Flaky())
            case "reject": throw Reject("no")
            case "drop": throw CancellationError()
            default: return [message]
            }
        } _: { out in
            _ = try await out.collect(2)
        }
        #expect(metrics.number("millrace_redeliveries_total", ["millrace_handler": "h"]) == 1)
        #expect(metrics.number("millrace_rejected_messages_total") == 1)
        #expect(metrics.number("millrace_dropped_messages_total") == 1)
        #expect(metrics.number("messaging_client_consumed_messages_total") == 5)
        #expect(metrics.distribution("messaging_process_duration_seconds", ["error_type": "Flaky"])?.count == 1)
        #expect(metrics.distribution("messaging_process_duration_seconds", ["error_type": "Reject"])?.count == 1)
        #expect(metrics.distribution("millrace_acknowledgement_duration_seconds")?.count == 3)
    }

    @Test("Lost subscriptions are counted")
    func reconnectsAreCounted() async throws {
        let broker = try quietBroker()
        var options = RouterOptions.quiet
        options.restart = .constant()
        let router = Router(options) { MetricsMiddleware(in: metrics) }
        let out = try await TopicProbe(of: "out", on: broker)
        try router.handle(
            "h", from: "in", on: CuttingSubscriber(base: broker, cuts: 2), to: "out", publishingOn: broker
        ) { message, _ in [message] }
        try await withRunning(router) {
            for _ in 0..<12 { try await broker.publish(Message(text: "x"), to: "in") }
            _ = try await out.collect(12)
        }
        #expect(metrics.number("millrace_reconnects_total") == 2)
    }

    @Test("Outputs that are not accepted are counted as sent, with the error")
    func failedPublishingIsCounted() async throws {
        let broker = try quietBroker()
        let publisher = FailingPublisher(failures: 1)
        let router = Router(.quiet) { MetricsMiddleware(in: metrics, watermillNames: true) }
        try router.handle(
            "h", from: "in", on: broker, to: "out", publishingOn: publisher, options: .init(redelivery: .constant())
        ) { message, _ in [message] }
        try await withRunning(router) {
            try await broker.publish(Message(text: "x"), to: "in")
            try await publisher.accepted.wait()
        }
        let name = "messaging_client_sent_messages_total"
        #expect(metrics.number(name, ["error_type": "MillraceError.connectionFailed"]) == 1)
        #expect(metrics.number(name, ["error_type": "", "messaging_system": "FailingPublisher"]) == 1)
        #expect(metrics.number("millrace_redeliveries_total") == 1)
        #expect(metrics.distribution("publish_time_seconds", ["success": "false"])?.count == 1)
        #expect(
            metrics.distribution("publish_time_seconds", ["success": "true", "publisher_name": "FailingPublisher"])?.count == 1)
    }

    @Test("While the router runs, its handlers' health can be read; afterwards it is gone")
    func healthIsShown() async throws {
        let bench = try Bench()
        let router = Router(bench.options) { MetricsMiddleware(in: metrics) }
        let started = Signal()
        let release = Signal()
        try router.consume("h", from: "in", on: bench.broker) { _, _ in
            started.fire()
            await release.waitUncancellably()
        }
        #expect(metrics.number("millrace_handler_state") == nil)
        try await withRunning(router) {
            #expect(metrics.number("millrace_handler_state", ["state": "running"]) == 1)
            try await bench.broker.publish(Message(text: "x"), to: "in")
            try await started.wait()
            #expect(metrics.number("millrace_in_flight_messages", ["millrace_handler": "h"]) == 1)
            try router.pause("h")
            for _ in 0..<3 { try await bench.broker.publish(Message(text: "x"), to: "in") }
            #expect(metrics.number("millrace_lag_messages", ["messaging_destination_name": "in"]) == 3)
            #expect(metrics.number("millrace_handler_state", ["state": "paused"]) == 1)
            #expect(metrics.number("millrace_handler_state") == 1)
            #expect(metrics.number("millrace_handler_paused", ["holder": "caller"]) == 1)
            #expect(metrics.number("millrace_handler_paused", ["holder": "circuitBreaker"]) == 0)
            release.fire()
        }
        for name in ["millrace_handler_state", "millrace_in_flight_messages", "millrace_lag_messages"] {
            #expect(metrics.number(name) == nil)
        }
        #expect(metrics.number("messaging_client_consumed_messages_total") == 1)
    }

    @Test("Events of a transport are counted once, however many routers and handlers use it")
    func transportsAreCountedOnce() async throws {
        let clock = ManualClock()
        let broker = MemoryTransport(clock: clock, observers: Observers([]))
        let routers = (0..<2).map { _ in Router(.quiet) { MetricsMiddleware(in: metrics) } }
        for (index, router) in routers.enumerated() {
            try router.handle("a\(index)", from: "a", on: broker, to: "b") { message, _ in [message] }
            try router.consume("b\(index)", from: "b", on: broker) { _, _ in }
        }
        let subscription = try await broker.subscribe(to: "c", SubscriptionOptions(group: "g", lease: .seconds(1)))
        try await broker.publish(Message(text: "x"), to: "c")
        var batch = DeliveryBatch()
        #expect(try await subscription.pull(into: &batch, upTo: 1))
        clock.advance(by: .seconds(2))
        #expect(
            metrics.number(
                "millrace_leases_expired_total",
                ["messaging_destination_name": "c", "messaging_consumer_group_name": "g"]) == 1)
        await subscription.close()
    }

    @Test("Batches are counted by message and timed by call")
    func batchesAreCounted() async throws {
        let bench = try Bench()
        let router = Router(bench.options) { MetricsMiddleware(in: metrics) }
        let handled = Signal()
        let seen = Box(0)
        try router.consumeBatches("h", from: "in", on: bench.broker, upTo: 10, within: .zero) { batch, _ in
            if seen.update({
                $0 += batch.count; return $0
            }) >= 20 {
                handled.fire()
            }
        }
        try await bench.broker.prepare(topic: "in", group: "h")
        try await bench.broker.publish((0..<20).map { _ in Message(text: "x") }, to: "in")
        try await withRunning(router) { try await handled.wait() }
        #expect(metrics.number("messaging_client_consumed_messages_total") == 20)
        #expect(metrics.distribution("messaging_process_duration_seconds")?.count == 2)
        #expect(metrics.distribution("millrace_acknowledgement_duration_seconds")?.count == 20)
    }

    @Test("Watermill's names are there if wanted")
    func watermillNames() async throws {
        try await Bench().run([Message(text: "a"), Message(text: "b")]) {
            MetricsMiddleware(in: metrics, watermillNames: true)
        } handler: { message, context in
            guard message.payload.text == "a" || context.attempt > 1 else { throw RetryLater(after: .zero) }
            return [message]
        } _: { out in
            _ = try await out.collect(2)
        }
        let received = "subscriber_messages_received_total"
        let subscriber: MetricLabels = ["handler_name": "h", "subscriber_name": "MemoryTransport"]
        #expect(metrics.number(received, subscriber.adding(["acked": "acked"])) == 2)
        #expect(metrics.number(received, subscriber.adding(["acked": "nacked"])) == 1)
        let execution = "handler_execution_time_seconds"
        #expect(metrics.distribution(execution, ["handler_name": "h", "success": "true"])?.count == 2)
        #expect(metrics.distribution(execution, ["handler_name": "h", "success": "false"])?.count == 1)
        #expect(metrics.distribution(execution)?.buckets.first?.upTo == 0.0005)
        let publishing = metrics.distribution("publish_time_seconds", ["handler_name": "h", "success": "true"])
        #expect((1...2).contains(publishing?.count ?? 0))
    }

    @Test("A handler's lines are not built for the sake of metrics")
    func logsAreNotWanted() async throws {
        try await Bench().run {
            MetricsMiddleware(in: metrics)
        } handler: { message, context in
            context.logger.error("\(Issue.record("evaluated"))")
            return [message]
        } _: { out in
            _ = try await out.next()
        }
    }

    @Test("A name that is taken keeps the handler from being registered")
    func clashesAreFoundAtRegistration() throws {
        _ = try metrics.gauge("millrace_retries_total", help: "")
        let broker = try quietBroker()
        let router = Router(.quiet) { MetricsMiddleware(in: metrics) }
        #expect(throws: MillraceError.self) { try router.consume("h", from: "in", on: broker) { _, _ in } }
        #expect(router.describe().handlers.isEmpty)
    }
}
