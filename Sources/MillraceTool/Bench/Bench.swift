internal import Millrace

/// All the runs that were asked for.
struct Bench: Sendable {
    let url: TransportURL
    let scenarios: [BenchScenario]
    let sizes: [Int]
    let load: BenchLoad
    let runs: Int
    let warmUp: Int
    let brokerProcess: Int?

    /// Measures one row after the other and hands each to `report`. `progress` is told what is going on.
    func rows(progress: (String) -> Void, report: (BenchRow) throws -> Void) async throws {
        for scenario in scenarios {
            for size in sizes {
                var load = load
                load.size = size
                load = scenario.load(load)
                progress("\(scenario.name), \(size) bytes: warm-up")
                var warmUpLoad = load
                warmUpLoad.count = min(load.count, warmUp)
                if warmUpLoad.count > 0 { _ = try await measure(scenario, warmUpLoad) }
                ProcessUsage.forgetPeak()
                var measurements: [Measurement] = []
                for number in 1...runs {
                    progress("\(scenario.name), \(size) bytes: run \(number) of \(runs)")
                    measurements.append(try await measure(scenario, load))
                }
                try report(
                    BenchRow(
                        scenario: scenario.name, size: size, messages: load.count, runs: measurements,
                        peakMiB: ProcessUsage.ownPeakMiB,
                        brokerPeakMiB: brokerProcess.flatMap { ProcessUsage.peakMiB(of: "\($0)") }))
            }
        }
    }

    private func measure(_ scenario: BenchScenario, _ load: BenchLoad) async throws -> Measurement {
        try Task.checkCancellation()
        let broker = try await connect(scenario, load)
        let run = BenchRun(broker, load, Meter(brokerProcess: brokerProcess))
        do {
            let measurement = try await scenario.run(run)
            await run.end()
            return measurement
        } catch {
            await run.end()
            throw error
        }
    }

    private func connect(_ scenario: BenchScenario, _ load: BenchLoad) async throws -> any Transport {
        // In memory, what nobody reads has to fit into the buffer, or else publishers wait for good.
        guard url.scheme == "memory", scenario.hasBacklog, !"\(url)".contains("capacity=") else {
            return try await Tool.registry.connect(url, observers: Observers())
        }
        let text = "\(url)"
        return try await Tool.registry.connect(
            text + (text.contains("?") ? "&" : "?") + "capacity=\(load.count)", observers: Observers())
    }
}
