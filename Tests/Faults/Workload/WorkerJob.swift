import Millrace

/// What a worker is to do: the same for a process, which reads it from its command line, and for one that lives in the suite's own.
struct WorkerJob: Sendable {
    enum Role: Sendable {
        /// The number of the run, how many messages, and how many a second.
        case produce(run: Int, messages: Int, rate: Int)
        /// The consumer group, and how long the handler takes for the messages that are picked for it.
        case consume(group: String, slowness: Duration)
    }

    let role: Role
    let topic: String
    let seed: UInt64
    /// Where it claims what it has done.
    let log: String

    /// As a command line.
    func words(url: String) -> [String] {
        let common = ["--url", url, "--topic", topic, "--seed", "\(seed)", "--log", log]
        switch role {
        case .produce(let run, let messages, let rate):
            return ["produce"] + common + ["--run", "\(run)", "--messages", "\(messages)", "--rate", "\(rate)"]
        case .consume(let group, let slowness):
            return ["consume"] + common + ["--group", group, "--slowness", "\(slowness.wholeMilliseconds)"]
        }
    }

    /// The job and the URL of a command line; nil when it is none of a worker.
    static func parse(_ words: [String]) throws -> (job: WorkerJob, url: String)? {
        guard let command = words.first, ["produce", "consume"].contains(command) else { return nil }
        var options = try CommandLineOptions(Array(words.dropFirst()))
        let url = try options.require("url")
        let role: Role
        if command == "produce" {
            role = .produce(
                run: try options.takeNumber("run", in: 1...1_000) ?? 1,
                messages: try options.takeNumber("messages", in: 0...10_000_000) ?? 0,
                rate: try options.takeNumber("rate", in: 1...1_000_000) ?? 1_000)
        } else {
            role = .consume(
                group: try options.require("group"),
                slowness: .milliseconds(try options.takeNumber("slowness", in: 0...3_600_000) ?? 0))
        }
        let seed = UInt64(try options.takeNumber("seed", in: 0...Int.max) ?? 0)
        let job = WorkerJob(role: role, topic: try options.require("topic"), seed: seed, log: try options.require("log"))
        try options.finish()
        return (job, url)
    }

    /// Does it. A consumer goes on until the router is shut down, by one of the signals or by code.
    func run(on transport: any Transport, _ router: Router, stoppingOn signals: [ProcessSignal]) async throws {
        let log = try WorkLog(log)
        switch role {
        case .produce(let run, let messages, let rate):
            let work = ProducerWork(
                transport: transport, topic: topic, run: run, messages: messages, rate: rate, seed: seed, log: log)
            try await work.publishAll()
        case .consume(let group, let slowness):
            let work = ConsumerWork(
                transport: transport, topic: topic, group: group, slowness: slowness, seed: seed, log: log)
            try await work.run(router, stoppingOn: signals)
        }
    }

    /// A router that finds its way back soon.
    static func makeRouter(_ observers: [any Observer]) -> Router {
        Router(RouterOptions(restart: .exponential(from: .milliseconds(100), upTo: .seconds(1)), observers: observers))
    }
}
