internal import Millrace

extension Command {
    private enum Options {
        static let topic = Positional("TOPIC", help: "The topic to read")
        static let topics = Positional("TOPIC", 1...Int.max, help: "The topics to read")
        static let group = Option(
            "group", "g", value: "NAME", help: "The consumer group whose messages to take; without one, a copy of everything")
        static let from = Option(
            "from", value: "POSITION",
            help: "Where a new group or a reader without one begins: beginning, now, after:POSITION, time:MILLISECONDS "
                + "(default: beginning with a group, now without)")
        static let limit = Option("limit", "n", value: "NUMBER", help: "End after so many messages")
        static let idle = Option("idle", value: "DURATION", help: "End when nothing has come for so long: 500ms, 5s, 1m")
        static let lease = Option(
            "lease", value: "DURATION", fallback: "30s",
            help: "How long the broker waits for a reader that has died before it hands its messages to another one")
        static let peek = Option(
            flag: "peek", help: "Leave the messages where they are: what is printed, at most 10000, is given back at the end")
    }

    /// Prints messages.
    static let consume = Command(
        "consume", "Prints the messages of a topic and acknowledges them",
        discussion: """
            A message is acknowledged after the output has taken it: whoever ends or kills the tool loses nothing, and another \
            'consume' in the same group goes on where this one stopped. Killed with SIGKILL, what it had just printed may be \
            printed again, after the lease. A topic that is not there yet is waited for, and not made.
            """, [Options.topic],
        [
            .url, Options.group, Options.from, Options.limit, Options.idle, Options.lease, Options.peek,
            MessageFormat.option(.raw),
        ],
        examples: [
            "millrace consume numbers --group sum --limit 100000 --url redis://127.0.0.1:6379",
            "millrace consume orders --group audit --format json --idle 5s >orders.jsonl",
            "millrace consume orders.poison --group look --peek --format pretty --idle 1s",
        ]
    ) { arguments, session in
        let reader = try reader(arguments, .raw, session)
        let limit = try arguments.number(Options.limit)
        let topic = arguments.word(Options.topic)
        return try await session.withTransport(try arguments.url(session)) { broker in
            _ = try await reader(broker, topic, limit).run()
            return ExitCode.success
        }
    }

    /// Watches topics.
    static let tail = Command(
        "tail", "Prints what arrives in one or more topics, and disturbs nobody",
        discussion: """
            Reads without a consumer group: whoever works on the messages gets them all the same. A topic that is not there yet \
            is waited for, and not made.
            """,
        [Options.topics], [.url, Options.from, Options.idle, MessageFormat.option(.pretty)],
        examples: ["millrace tail orders invoices", "millrace tail orders --from beginning --format json"]
    ) { arguments, session in
        let reader = try reader(arguments, .pretty, session)
        let topics = arguments.words(Options.topics)
        return try await session.withTransport(try arguments.url(session)) { broker in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for topic in topics { group.addTask { _ = try await reader(broker, topic, nil).run() } }
                try await group.waitForAll()
            }
            return ExitCode.success
        }
    }

    /// Makes readers of what was asked for.
    private static func reader(
        _ arguments: Arguments, _ fallback: MessageFormat, _ session: Session
    ) throws -> @Sendable (any Transport, String, Int?) -> MessageReader {
        var start: StartPosition?
        if let text = arguments.text(Options.from) {
            guard let position = StartPosition(rawValue: text) else {
                throw arguments.invalid(Options.from, text, "beginning, now, after:POSITION or time:MILLISECONDS")
            }
            start = position
        }
        let group = arguments.text(Options.group)
        let lease = try arguments.duration(Options.lease) ?? .seconds(30)
        let options = SubscriptionOptions(group: group, lease: lease, start: start)
        let idle = try arguments.duration(Options.idle)
        let format = arguments.text(MessageFormat.option(fallback)).flatMap(MessageFormat.init) ?? fallback
        // Without a group there is nothing to leave: it is a copy.
        let isPeeking = arguments.has(Options.peek) && group != nil
        return { broker, topic, limit in
            MessageReader(
                broker: broker, topic: topic, options: options, format: format, limit: limit, idle: idle, isPeeking: isPeeking,
                session: session)
        }
    }
}
