import Foundation
internal import Millrace

extension Command {
    private enum Options {
        static let scenario = Option(
            "scenario", "s", value: "NAME", .oneOf(["all"] + BenchScenario.all.map(\.name)), repeats: true,
            help: "What to measure; may be given more than once. Without it, what is marked with a star is measured")
        static let count = Option("count", "n", value: "NUMBER", help: "Messages in a run (default: 100000; in memory 1000000)")
        static let size = Option(
            "size", value: "BYTES", fallback: "16,64,256", help: "Bytes of a payload, at least 16; several with commas between")
        static let runs = Option("runs", "r", value: "NUMBER", fallback: "5", help: "Counted runs of each")
        static let warmUp = Option(
            "warm-up", value: "NUMBER", help: "Messages before the first run (default: a tenth of the count)")
        static let tasks = Option("tasks", value: "NUMBER", fallback: "64", help: "Tasks that publish")
        static let batch = Option("batch", value: "NUMBER", fallback: "100", help: "Messages in a call, where they go in batches")
        static let rate = Option("rate", value: "NUMBER", fallback: "2000", help: "Messages a second, where latency is measured")
        static let keys = Option(flag: "keys", help: "Give the messages of each task a key, and check the order by key")
        static let brokerPID = Option(
            "broker-pid", value: "PID", help: "The broker's process on this machine, to measure what it takes")
        static let format = Option(
            "format", value: "FORMAT", .oneOf(["text", "json"]), fallback: "text", help: "How to print figures")
        static let label = Option(
            "label", value: "TEXT", help: "What tells these figures from others of the transport: kept in JSON, shown in charts")
        static let quick = Option(
            flag: "quick", help: "A short run that shows that it works: 5000 messages of 64 bytes, twice; not for figures")
        static let all = [
            .url, scenario, count, size, runs, warmUp, tasks, batch, rate, keys, brokerPID, format, label, quick,
        ]
    }

    /// Measures a transport.
    static let bench = Command(
        "bench", "Measures how fast messages go, and checks that all arrive",
        discussion: """
            Every scenario works with topics of its own, which it removes where the transport can. Each figure is the median of \
            the runs, with the lowest and the highest. CPU is processor time per message in microseconds, of this process and \
            of the broker; MiB is the most memory that they had. The check says whether a message was lost, came twice, \
            or overtook another one of the same task. Fails when one did.

            Scenarios:
            \(BenchScenario.all.map { "\($0.isDefault ? "*" : "-") \($0.name): \($0.summary)" }.joined(separator: "\n"))
            """, [], Options.all,
        examples: [
            "millrace bench --url memory:",
            "millrace bench --url redis://127.0.0.1:6379 --broker-pid $(pidof redis-server)",
            "millrace bench --scenario latency --rate 5000 --size 256 --format json",
        ]
    ) { arguments, session in
        let bench = try bench(arguments, session)
        let isJSON = arguments.text(Options.format) == "json"
        if !BenchReport.isOptimized { session.complain("millrace bench: built without optimization, figures mean little") }
        return try await session.cancellingWhenInterrupted {
            var report = try await report(bench)
            report.label = arguments.text(Options.label)
            var failed: [String] = []
            if !isJSON {
                session.output.print(
                    "\(report.broker.map { "\($0.name) \($0.version)" } ?? report.system) at \(report.url), "
                        + "\(bench.load.tasks) tasks, \(bench.runs) runs")
                session.output.print(BenchRow.header)
                try session.output.flush()
            }
            let progress = Progress(session)
            try await bench.rows(progress: progress.show) { row in
                progress.clear()
                if let complaint = row.complaint { failed.append("\(row.scenario): \(complaint)") }
                report.add(row)
                guard !isJSON else { return }
                session.output.print(row.text)
                try session.output.flush()
            }
            if isJSON { session.output.print(try report.json()) }
            for complaint in failed { session.complain("millrace bench: \(complaint)") }
            return failed.isEmpty ? ExitCode.success : ExitCode.failure
        }
    }

    private static func bench(_ arguments: Arguments, _ session: Session) throws -> Bench {
        let url = try arguments.url(session)
        let isQuick = arguments.has(Options.quick)
        let names = arguments.texts(Options.scenario)
        let scenarios = BenchScenario.all.filter { scenario in
            names.isEmpty ? scenario.isDefault : names.contains("all") || names.contains(scenario.name)
        }
        let count =
            try arguments.number(Options.count, 1...1_000_000_000)
            ?? (isQuick ? 5_000 : url.scheme == "memory" ? 1_000_000 : 100_000)
        let sizes =
            isQuick && !arguments.has(Options.size)
            ? [64] : try arguments.numbers(Options.size, BenchMessage.minimumSize...64 << 20)
        guard !sizes.isEmpty else { throw arguments.invalid(Options.size, "", "at least one number") }
        let load = BenchLoad(
            count: count, size: sizes[0], tasks: min(count, try arguments.number(Options.tasks, 1...100_000) ?? 64),
            batch: try arguments.number(Options.batch, 1...1_000_000) ?? 100,
            rate: try arguments.number(Options.rate, 1...10_000_000) ?? 2_000, seconds: isQuick ? 1 : 5,
            hasKeys: arguments.has(Options.keys))
        return Bench(
            url: url, scenarios: scenarios, sizes: sizes, load: load,
            runs: isQuick && !arguments.has(Options.runs) ? 2 : try arguments.number(Options.runs, 1...10_000) ?? 5,
            warmUp: try arguments.number(Options.warmUp, 0...1_000_000_000) ?? count / 10,
            brokerProcess: try arguments.number(Options.brokerPID))
    }

    /// A report without rows yet. Connects, so that what is wrong with the URL is said before anything else.
    private static func report(_ bench: Bench) async throws -> BenchReport {
        let transport = try await Tool.registry.connect(bench.url, observers: Observers())
        let broker = try? await (transport as? any TransportAdministration)?.broker()
        let report = BenchReport(
            url: "\(bench.url)", system: transport.system, broker: broker, isOptimized: BenchReport.isOptimized,
            processors: ProcessInfo.processInfo.activeProcessorCount, tasks: bench.load.tasks, batch: bench.load.batch,
            rate: bench.load.rate)
        await transport.close()
        return report
    }
}
