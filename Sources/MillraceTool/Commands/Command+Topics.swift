import Foundation
internal import Millrace

extension Command {
    private enum Options {
        static let format = Option(
            "format", "f", value: "FORMAT", .oneOf(["text", "json"]), fallback: "text",
            help: "text: a table. json: an object in each line")
    }

    /// Lists topics.
    static let topics = Command(
        "topics", "Lists the topics of a broker with their groups, and how much waits for each",
        discussion: """
            LAG is how many messages a consumer group has not acknowledged, handed out or not; MESSAGES is how many the topic holds. \
            A dash stands for what the broker does not say. RabbitMQ's protocol has no list of topics.
            """, [], [.url, Options.format],
        examples: ["millrace topics --url redis://127.0.0.1:6379", "millrace topics --format json"]
    ) { arguments, session in
        let url = try arguments.url(session)
        let topics = try await session.withTransport(url) { broker in
            guard let directory = broker as? any TopicDirectory else {
                throw MillraceError(.unsupported, "\(broker.system) can't say which topics there are", isRetriable: false)
            }
            return try await session.cancellingWhenInterrupted { try await directory.topics() }
        }
        if arguments.text(Options.format) == "json" {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            for topic in topics { session.output.print(String(decoding: try encoder.encode(topic), as: UTF8.self)) }
        } else {
            for line in TopicTable(topics).lines { session.output.print(line) }
        }
        return ExitCode.success
    }
}
