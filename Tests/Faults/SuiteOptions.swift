import Foundation

/// What the suite is asked to run.
struct SuiteOptions {
    let transports: [TransportKind]
    let faults: [FaultKind]
    let messages: Int
    let rate: Int
    let seed: Int
    let isShort: Bool
    /// How many transports are run side by side.
    let parallel: Int
    /// Where the logs of cells go; those of cells that have passed are removed.
    let logs: String
    /// Where the results go as JSON, and as a table for people; nil for nowhere.
    let json: String?
    let markdown: String?

    /// The JSON of an earlier run to report instead of running anything; nil for none.
    let results: String?

    static let usage = """
        faults [--transport NAME,...] [--fault NAME,...] [--messages N] [--rate N] [--seed N] [--short] [--parallel N]
               [--logs FOLDER] [--json FILE] [--markdown FILE]
        faults --results FILE --markdown FILE     makes the tables from the JSON of an earlier run

        transports: \(TransportKind.allCases.map(\.rawValue).joined(separator: ", "))
        faults:     \(FaultKind.allCases.map(\.rawValue).joined(separator: ", "))
        """

    init(_ words: [String]) throws {
        var options = try CommandLineOptions(words, flags: ["short"])
        isShort = options.takeFlag("short")
        transports = try options.takeNames("transport", of: TransportKind.self)
        faults = try options.takeNames("fault", of: FaultKind.self)
        messages = try options.takeNumber("messages", in: 100...1_000_000) ?? (isShort ? 600 : 20_000)
        rate = try options.takeNumber("rate", in: 10...100_000) ?? (isShort ? 400 : 2_000)
        seed = try options.takeNumber("seed", in: 0...Int(Int32.max)) ?? 1
        parallel = try options.takeNumber("parallel", in: 1...100) ?? (isShort ? 4 : 1)
        logs = options.take("logs") ?? NSTemporaryDirectory() + "millrace-faults-\(ProcessInfo.processInfo.processIdentifier)"
        json = options.take("json")
        results = options.take("results")
        markdown = options.take("markdown")
        try options.finish()
    }
}
