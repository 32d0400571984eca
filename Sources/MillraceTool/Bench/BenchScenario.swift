internal import Millrace

/// Something to measure, on any transport by the same method.
struct BenchScenario: Sendable {
    let name: String
    let summary: String
    /// Whether it is measured when nothing else is asked for.
    var isDefault = true
    /// Whether everything is published before anything is read.
    var hasBacklog = false
    /// What it makes of the load that was asked for.
    var load: @Sendable (BenchLoad) -> BenchLoad = { $0 }
    let run: @Sendable (BenchRun) async throws -> Measurement

    static let all =
        [
            BenchScenario(name: "publish", summary: "all tasks publish, one message in a call; nobody reads", hasBacklog: true) {
                try await publish($0, inCallsOf: 1)
            },
            BenchScenario(
                name: "publish-batch", summary: "one task publishes in batches; nobody reads", hasBacklog: true,
                load: { load in
                    var load = load
                    load.tasks = 1
                    return load
                }
            ) { try await publish($0, inCallsOf: $0.load.batch) },
            BenchScenario(
                name: "drain", summary: "a group reads and acknowledges a backlog, from its first message on", hasBacklog: true,
                run: drain),
            BenchScenario(name: "both", summary: "a group reads while all tasks publish, one message in a call") {
                try await both($0, inCallsOf: 1)
            },
            BenchScenario(
                name: "both-batch", summary: "a group reads while all tasks publish in batches", isDefault: false
            ) { try await both($0, inCallsOf: $0.load.batch) },
        ] + routers + typed + [
            BenchScenario(
                name: "latency", summary: "from publish to receipt, one by one at a rate", load: \.paced, run: latency)
        ]

    private static func publish(_ run: BenchRun, inCallsOf size: Int) async throws -> Measurement {
        try await run.broker.prepare(topic: run.input, group: run.group)
        var measurement = try await run.meter.measure(run.load.count) { try await run.publish(inCallsOf: size) }
        let subscription = try await run.subscribe(to: run.input)
        measurement.complaint = run.complaint(try await run.drain(subscription))
        await subscription.close()
        return measurement
    }

    private static func drain(_ run: BenchRun) async throws -> Measurement {
        try await run.broker.prepare(topic: run.input, group: run.group)
        try await run.publish(inCallsOf: 1_000)
        let subscription = try await run.subscribe(to: run.input)
        // Joining a group takes seconds with some brokers, which says nothing about how fast it reads then.
        var ledger = Ledger(run.load)
        try await run.takeFirst(of: subscription, into: &ledger)
        var measurement = try await run.meter.measure(run.load.count) {
            ledger = try await run.drain(subscription, ledger)
        }
        await subscription.close()
        measurement.complaint = run.complaint(ledger)
        return measurement
    }

    private static func both(_ run: BenchRun, inCallsOf size: Int) async throws -> Measurement {
        let subscription = try await run.subscribe(to: run.input)
        try await run.probe(subscription)
        var ledger: Ledger?
        var measurement = try await run.meter.measure(run.load.count) {
            async let received = run.drain(subscription)
            try await run.publish(inCallsOf: size)
            ledger = try await received
        }
        await subscription.close()
        measurement.complaint = ledger.flatMap(run.complaint)
        return measurement
    }

    private static func latency(_ run: BenchRun) async throws -> Measurement {
        let subscription = try await run.subscribe(to: run.input)
        try await run.probe(subscription)
        let times = LatencyTimes()
        var ledger: Ledger?
        var measurement = try await run.meter.measure(run.load.count) {
            async let received = run.drain(subscription, latencies: times)
            try await run.publishPaced()
            ledger = try await received
        }
        await subscription.close()
        measurement.complaint = ledger.flatMap(run.complaint)
        measurement.latency = Measurement.Latency(times.nanoseconds.withLock { $0 })
        return measurement
    }
}
