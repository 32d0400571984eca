internal import Millrace

extension Command {
    private enum Options {
        static let from = Positional("FROM", help: "The topic to take messages from")
        static let to = Positional("TO", help: "The topic to publish them to")
        static let poison = Positional("TOPIC", help: "The poison topic")
        static let toURL = Option("to-url", value: "URL", help: "Where the messages go to, if that is another broker")
        static let limit = Option("limit", "n", value: "NUMBER", help: "End after so many messages")
        static let rate = Option("rate", "r", value: "RATE", help: "How many messages to publish: 500/s, 30/m, 10/h")
        static let dryRun = Option(flag: "dry-run", help: "Count, and change nothing")
        static let idle = Option("idle", value: "DURATION", fallback: "3s", help: "End when nothing has come for so long")
        static func group(_ fallback: String) -> Option {
            Option("group", "g", value: "NAME", fallback: fallback, help: "The consumer group that reads the topic")
        }
        static let reason = Option("reason", value: "TEXT", help: "Only messages whose reason has this text in it")
        static let errorType = Option("error-type", value: "TYPE", help: "Only messages that failed with this type of error")
        static let handler = Option("handler", value: "NAME", help: "Only messages that failed in this handler")
        static let origin = Option("origin", value: "TOPIC", help: "Only messages that failed on this topic")
        static let maximum = Option(
            "maximum-replays", value: "NUMBER", fallback: "3", help: "How often a message is brought back at most, over all runs")
        static let anyGroup = Option(
            flag: "any-group", help: "Bring messages back for all consumer groups, not only for the one in which they failed")
    }

    /// Moves messages to another topic.
    static let move = Command(
        "move", "Moves messages from one topic to another one",
        discussion: """
            Messages keep id, key, metadata and payload. Each is acknowledged in its old topic when the new one has accepted \
            it; cut off in between, it is in both. What the filters leave stays where it is. Ends when nothing has come for \
            some time; fails when there is no topic FROM.

            On Kafka, NATS, Redis and SQLite a topic is a log: what was moved stays in it, for other groups, until retention \
            removes it. What moves is the position of the group, so that another run of the same group does not move it again. On \
            RabbitMQ it leaves the queue of the group; queues of other groups keep it.
            """, [Options.from, Options.to],
        [
            .url, Options.toURL, MessageFilter.keyOption, MessageFilter.metadataOption, Options.limit, Options.rate,
            Options.dryRun, Options.idle, Options.group("millrace-move"),
        ],
        examples: [
            "millrace move orders.old orders --dry-run",
            "millrace move orders orders --to-url redis://10.0.0.2 --rate 500/s",
        ]
    ) { arguments, session in
        let url = try arguments.url(session)
        let source = arguments.word(Options.from)
        let target = arguments.word(Options.to)
        let toURL = try arguments.url(Options.toURL, session)
        guard source != target || toURL.map({ "\($0)" != "\(url)" }) ?? false else {
            throw UsageError("a topic can't be moved to itself", command: arguments.command)
        }
        let filter = try arguments.filter()
        let limit = try arguments.number(Options.limit)
        let idle = try arguments.duration(Options.idle) ?? .seconds(3)
        let rate = try arguments.rate(Options.rate)
        let group = arguments.text(Options.group("millrace-move")) ?? "millrace-move"
        return try await session.withTransport(url) { from in
            let move = { @Sendable (to: any Transport) in
                try await MessageMove(
                    from: from, source: source, to: to, target: target, group: group, limit: limit, idle: idle,
                    pacer: rate.map { Pacer($0) }, isDryRun: arguments.has(Options.dryRun), filter: filter, session: session
                ).run()
            }
            let report = if let toURL { try await session.withTransport(toURL, move) } else { try await move(from) }
            let word = arguments.has(Options.dryRun) ? "would be moved" : "moved"
            session.output.print("\(report.moved) \(word), \(report.left) left")
            return ExitCode.success
        }
    }

    /// Brings messages back from a poison topic.
    static let replay = Command(
        "replay", "Brings messages back from a poison topic to where they failed",
        discussion: """
            A message goes back to the topic on which it failed, for the consumer group in which it failed. It is acknowledged \
            in the poison topic when it has been accepted. What the filters leave stays there. Fails when there is no such topic.
            """, [Options.poison],
        [
            .url, Options.reason, Options.errorType, Options.handler, Options.origin, MessageFilter.keyOption,
            MessageFilter.metadataOption, Options.limit, Options.rate, Options.dryRun, Options.maximum, Options.anyGroup,
            Options.idle, Options.group("millrace-replay"),
        ],
        examples: [
            "millrace replay orders.poison --dry-run",
            "millrace replay orders.poison --error-type Unavailable --rate 50/s",
        ]
    ) { arguments, session in
        let url = try arguments.url(session)
        let topic = arguments.word(Options.poison)
        let filter = try letterFilter(arguments)
        let options = Replay.Options(
            group: arguments.text(Options.group("millrace-replay")) ?? "millrace-replay",
            limit: try arguments.number(Options.limit), rate: try arguments.rate(Options.rate),
            maximumReplays: try arguments.number(Options.maximum) ?? 3, onlyFailedGroup: !arguments.has(Options.anyGroup),
            isDryRun: arguments.has(Options.dryRun), idleTimeout: try arguments.duration(Options.idle) ?? .seconds(3))
        return try await session.withTransport(url) { broker in
            let report = try await session.cancellingWhenInterrupted {
                try await Replay(from: topic, on: broker, options).run(where: filter)
            }
            let word = options.isDryRun ? "would be brought back" : "brought back"
            session.output.print("\(report.replayed) \(word), \(report.left) left")
            for (topic, count) in report.replayedTo.sorted(by: { $0.key < $1.key }) {
                session.output.print("  \(topic): \(count)")
            }
            let reasons = [
                (report.exhausted, "brought back as often as allowed"),
                (report.withoutRecord, "without a record of their failure"),
                (report.failedSince, "failed since this run began"),
            ]
            for (count, reason) in reasons where count > 0 { session.output.print("  left, \(reason): \(count)") }
            if !report.isComplete, options.limit == nil { session.output.print("  there is more: run it again") }
            return ExitCode.success
        }
    }

    private static func letterFilter(_ arguments: Arguments) throws -> @Sendable (DeadLetter) -> Bool {
        let filter = try arguments.filter()
        let reason = arguments.text(Options.reason)
        let errorType = arguments.text(Options.errorType)
        let handler = arguments.text(Options.handler)
        let origin = arguments.text(Options.origin)
        return { letter in
            (reason.map { letter.reason.contains($0) } ?? true) && (errorType.map { letter.errorType == $0 } ?? true)
                && (handler.map { letter.handler == $0 } ?? true) && (origin.map { letter.topic == $0 } ?? true)
                && filter.accepts(letter.message)
        }
    }
}
