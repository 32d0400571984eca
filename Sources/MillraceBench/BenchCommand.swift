import Millrace

/// What was asked for on the command line.
struct BenchCommand {
    static let usage = """
        usage: millrace-bench [SCENARIO ...] [--count N] [--runs N] [--size BYTES] [--warm-up N]

        Scenarios (default: all):
        \(Scenario.all.map { "  \($0.name.padded(to: 18))\($0.summary)" }.joined(separator: "\n"))

          --redis URL   the scenarios of the Redis transport, on an empty server
          --sqlite FOLDER  the scenarios of the SQLite transport, on files in a folder; --only NAME picks those of that name
          --count N     messages in a run (default 2000000)
          --runs N      counted runs; the median is printed with minimum and maximum (default 5)
          --size BYTES  payload of a message (default 16)
          --warm-up N   messages before the first run (default a tenth of the count)
        """

    private var scenarios: [Scenario] = []
    private var load = Load(count: 2_000_000, size: 16)
    private var runs = 5
    private var warmUp: Int?
    private var wantsHelp = false

    init(arguments: [String]) throws {
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            switch argument {
            case "--help", "-h": wantsHelp = true
            case "--redis":
                guard let url = rest.popFirst() else { throw UsageError("--redis needs a URL") }
                scenarios += RedisScenario.all(url: url)
            case "--sqlite":
                guard let folder = rest.popFirst() else { throw UsageError("--sqlite needs a folder") }
                scenarios += SQLiteScenario.all(folder: folder)
            case "--only":
                guard let name = rest.popFirst() else { throw UsageError("--only needs a name") }
                scenarios.removeAll { $0.name != name }
            case "--count": load.count = try Self.number(argument, &rest)
            case "--size": load.size = try Self.number(argument, &rest)
            case "--runs": runs = try Self.number(argument, &rest)
            case "--warm-up": warmUp = try Self.number(argument, &rest)
            default:
                guard let scenario = Scenario.all.first(where: { $0.name == argument }) else {
                    throw UsageError("unknown scenario or option '\(argument)'\n\(Self.usage)")
                }
                scenarios.append(scenario)
            }
        }
        if scenarios.isEmpty { scenarios = Scenario.all }
    }

    func run() async throws {
        if wantsHelp { return print(Self.usage) }
        print("\(load.count) messages of \(load.size) bytes, \(runs) runs; million messages a second, and ns per message")
        print("scenario".padded(to: 18), "median M/s", "[min - max]", "ns/message", "peak RSS MiB", separator: "  ")
        for scenario in scenarios { try await measure(scenario) }
    }

    private func measure(_ scenario: Scenario) async throws {
        let warmUp = warmUp ?? load.count / 10
        if warmUp > 0 { _ = try await scenario.run(Load(count: warmUp, size: load.size)) }
        var seconds: [Double] = []
        var note: String?
        for _ in 0..<runs {
            let clock = ContinuousClock()
            let start = clock.now
            let outcome = try await scenario.run(load)
            note = outcome.note
            seconds.append((outcome.elapsed ?? start.duration(to: clock.now)) / .seconds(1))
            guard outcome.delivered == load.count else {
                throw UsageError("\(scenario.name): \(load.count) messages went in, \(outcome.delivered) came out")
            }
        }
        seconds.sort()
        let median = seconds[seconds.count / 2]
        func rate(_ seconds: Double) -> String { (Double(load.count) / seconds / 1e6).formatted(2) }
        print(
            scenario.name.padded(to: 18), rate(median), "[\(rate(seconds[seconds.count - 1])) - \(rate(seconds[0]))]",
            (median / Double(load.count) * 1e9).formatted(0), ResidentMemory.peakMiB.formatted(0), note ?? "",
            separator: "  ")
    }

    private static func number(_ option: String, _ rest: inout ArraySlice<String>) throws -> Int {
        guard let text = rest.popFirst(), let value = Int(text), value >= 1 else {
            throw UsageError("\(option) needs a whole number from 1 on")
        }
        return value
    }
}

/// How much to send.
struct Load: Sendable {
    var count: Int
    var size: Int
}

/// What is wrong with the command line, or with a result.
struct UsageError: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
