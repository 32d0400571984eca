import Foundation
import Millrace

/// Runs the cells that it is asked for, transports side by side, and reports.
struct Suite: Sendable {
    private let options: SuiteOptions

    init(_ options: SuiteOptions) { self.options = options }

    /// Returns whether no cell has failed.
    func run() async throws -> Bool {
        let results =
            if let earlier = options.results {
                try JSONDecoder().decode([CellResult].self, from: Data(contentsOf: URL(fileURLWithPath: earlier)))
            } else {
                await runAll()
            }
        let report = MatrixReport(results, options)
        try options.json.map { try report.json.write(to: URL(fileURLWithPath: $0)) }
        try options.markdown.map { try report.markdown.write(toFile: $0, atomically: true, encoding: .utf8) }
        print(report.closing)
        return !results.contains(where: \.hasFailed)
    }

    private func runAll() async -> [CellResult] {
        var waiting = options.transports[...]
        return await withTaskGroup(of: [CellResult].self) { tasks in
            var results: [CellResult] = []
            for transport in waiting.prefix(options.parallel) { tasks.addTask { await run(transport) } }
            waiting = waiting.dropFirst(options.parallel)
            for await more in tasks {
                results += more
                if let transport = waiting.popFirst() { tasks.addTask { await run(transport) } }
            }
            return results
        }
    }

    private func run(_ transport: TransportKind) async -> [CellResult] {
        var results: [CellResult] = []
        let broker = await Result { try await transport.start() }
        for fault in options.faults {
            let plan = CellPlan(
                transport: transport, fault: fault, messages: options.messages, rate: options.rate, seed: options.seed,
                isShort: options.isShort)
            let result = await run(plan, broker)
            print(result.line)
            fflush(nil)
            results.append(result)
        }
        return results
    }

    private func run(_ plan: CellPlan, _ broker: Result<any Broker, any Error>) async -> CellResult {
        let folder = "\(options.logs)/\(plan.transport.rawValue)-\(plan.fault.rawValue)"
        let start = SystemClock.shared.now
        var result: CellResult
        do {
            result = try await broker.get().run(plan, folder)
        } catch {
            result = CellResult(plan: plan, outcome: .failed(["\(error)"]))
        }
        result.seconds = start.duration(to: SystemClock.shared.now) / .seconds(1)
        if result.hasFailed {
            print("logs of \(plan.transport.rawValue) × \(plan.fault.rawValue): \(folder)")
        } else {
            try? FileManager.default.removeItem(atPath: folder)
        }
        return result
    }
}

extension Broker {
    fileprivate func run(_ plan: CellPlan, _ folder: String) async throws -> CellResult {
        if let obstacle = obstacle(to: plan.fault) { return CellResult(plan: plan, outcome: .notApplicable(obstacle)) }
        let run = try CellRun(plan, on: self, folder: folder)
        let verdict = try await run.run()
        return CellResult(
            plan: plan, outcome: verdict.hasPassed ? .passed : .failed(verdict.complaints), verdict: verdict,
            producerMemory: run.producer.peakMemory, consumerMemory: run.consumerMemory)
    }
}

extension Result where Failure == any Error {
    fileprivate init(_ body: () async throws -> Success) async {
        do { self = .success(try await body()) } catch { self = .failure(error) }
    }
}
