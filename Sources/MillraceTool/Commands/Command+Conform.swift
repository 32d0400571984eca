internal import Millrace
internal import MillraceTesting

extension Command {
    private static let place = Positional("URL", 0...1, help: "Where messages are, in place of --url")

    private enum Options {
        private static let names = ConformanceTest.all.map(\.name)
        static let only = Option(
            "only", "o", value: "NAME,...", .listOf(names), repeats: true, help: "Run these checks alone")
        static let skip = Option(
            "skip", "s", value: "NAME,...", .listOf(names), repeats: true, help: "Leave these checks out")
        static let tasks = Option("tasks", "t", value: "N", fallback: "8", help: "How many checks run side by side")
        static let format = Option(
            "format", "f", value: "FORMAT", .oneOf(["text", "json"]), fallback: "text",
            help: "text: a table. json: an object in each line")
        static let list = Option(flag: "list", "l", help: "Print the checks with what each of them proves, and run none")
        static let all = [.url, only, skip, tasks, format, list]
    }

    /// Checks a transport against the contract.
    static let conform = Command(
        "conform", "Checks that a transport keeps the contract, by the suite that all of ours pass",
        discussion: """
            The suite is that of MillraceTesting, run on a broker as it is set up: its checks publish, read, fail, close, and \
            publish again. Each works with topics of its own, whose names begin with 'millrace-conform-', and removes them where the \
            transport can. A check of something that the transport does not declare is skipped.

            Leases of three seconds have to hold, so keep the machine free of other work. Fails when a check does.
            """, [place], Options.all,
        examples: [
            "millrace conform redis://127.0.0.1:6379",
            "millrace conform memory: --only leaseRunsOut,totalOrder",
            "millrace conform --list",
        ]
    ) { arguments, session in
        if arguments.has(Options.list) { return list(session) }
        let url = try url(arguments, session)
        let tests = try tests(arguments)
        let tasks = try arguments.number(Options.tasks, 1...1_000) ?? 8
        let isJSON = arguments.text(Options.format) == "json"
        return try await session.cancellingWhenInterrupted {
            let suite = ConformSuite(subject: try await subject(url, session), tests: tests, tasks: tasks)
            var table = ConformTable(tests.map(\.name))
            if !isJSON {
                session.output.print("\(suite.subject.name) at \(url): \(suite.subject.capabilities)")
                session.output.print(table.header)
                try session.output.flush()
            }
            let start = SystemClock.shared.now
            try await suite.run { row in
                let line = table.line(row)
                session.output.print(isJSON ? try row.json() : line)
                try session.output.flush()
            }
            let summary = table.summary(seconds: start.duration(to: SystemClock.shared.now) / .seconds(1))
            if isJSON { session.complain("millrace conform: \(summary)") } else { session.output.print(summary) }
            return table.isGood ? ExitCode.success : ExitCode.failure
        }
    }

    private static func list(_ session: Session) -> Int32 {
        let width = ConformanceTest.all.map(\.name.count).max() ?? 0
        for test in ConformanceTest.all { session.output.print("\(test.name.padded(to: width))  \(test.statement)") }
        return ExitCode.success
    }

    private static func url(_ arguments: Arguments, _ session: Session) throws -> TransportURL {
        guard let text = arguments.words(place).first else { return try arguments.url(session) }
        guard !arguments.has(.url) else {
            throw UsageError("the URL is given twice, by --url as well", command: "conform")
        }
        return try arguments.url(text, "URL", session)
    }

    private static func tests(_ arguments: Arguments) throws -> [ConformanceTest] {
        let (only, skipped) = (arguments.list(Options.only), arguments.list(Options.skip))
        let tests = ConformanceTest.all.filter { (only.isEmpty || only.contains($0.name)) && !skipped.contains($0.name) }
        guard !tests.isEmpty else { throw UsageError("--skip leaves no check to run", command: "conform") }
        return tests
    }

    private static func subject(_ url: TransportURL, _ session: Session) async throws -> ConformanceSubject {
        let part = "\(MessageID.next())".suffix(8)
        var subject = try await ConformanceSubject(examining: nil, prefix: "millrace-conform-\(part)-") {
            try await session.registry.connect(url, observers: Observers())
        }
        // It hands out what is asked for, and holds nothing itself.
        if url.scheme == "memory" { subject.fetchesAhead = false }
        subject.removesTopics = true
        subject.log = { _ in }
        return subject
    }
}
