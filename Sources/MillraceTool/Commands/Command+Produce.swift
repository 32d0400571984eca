internal import Millrace

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

extension Command {
    private enum Options {
        static let topic = Positional("TOPIC", help: "The topic to publish to")
        static let files = Positional(
            "FILE", 0...Int.max, .file, help: "What to read in place of standard input; - stands for it")
        static let format = Option(
            "format", "f", value: "FORMAT", .oneOf(["lines", "json"]), fallback: "lines",
            help: "lines: each line is a payload. json: each line is an object with payload (text, or a value that is encoded "
                + "anew) or payload-base64, and id, key and metadata if need be; what 'consume' prints is fine")
        static let key = Option("key", "k", value: "KEY", help: "The key of messages that bring none along")
        static let separator = Option(
            "key-separator", value: "TEXT", help: "What stands in front of it in a line is the key, what follows the payload")
        static let metadata = Option(
            "metadata", "m", value: "NAME=VALUE", repeats: true, help: "Metadata of all messages; may be given more than once")
        static let rate = Option("rate", "r", value: "RATE", help: "How many messages to publish: 500/s, 30/m, 10/h")
        static let batch = Option("batch", value: "NUMBER", fallback: "1000", help: "The most messages in a call")
        static let all = [.url, format, key, separator, metadata, rate, batch]
    }

    /// Publishes lines.
    static let produce = Command(
        "produce", "Publishes lines of text or JSON as messages",
        discussion: """
            Messages are published in the order of their lines, as soon as they are read. Ends at the end of the input; on \
            Ctrl-C what was read in whole lines is published first. A line that can't be read ends it with its number; what \
            stands in front of it is published.
            """, [Options.topic, Options.files], Options.all,
        examples: [
            "seq 100000 | millrace produce numbers --url redis://127.0.0.1:6379",
            "millrace produce orders orders.jsonl --format json --rate 500/s",
            "echo 'ada:{\"cents\":500}' | millrace produce orders --key-separator :",
        ]
    ) { arguments, session in
        let url = try arguments.url(session)
        let topic = arguments.word(Options.topic)
        var defaults = MessageDefaults(key: arguments.text(Options.key))
        for (name, value) in try arguments.pairs(Options.metadata) { defaults.metadata[name] = value }
        let parser = LineParser(
            isJSON: arguments.text(Options.format) == "json", separator: arguments.text(Options.separator).map { Array($0.utf8) },
            defaults: defaults)
        if let separator = parser.separator, separator.isEmpty || parser.isJSON {
            throw UsageError("--key-separator is for lines of text, and not empty", command: arguments.command)
        }
        let batch = try arguments.number(Options.batch, 1...100_000) ?? 1_000
        let pacer = try arguments.rate(Options.rate).map { Pacer($0) }
        let files = arguments.words(Options.files)
        let count = try await session.withTransport(url) { broker in
            let producer = MessageProducer(broker: broker, topic: topic, batch: batch, pacer: pacer, session: session)
            return try await publish(files.isEmpty ? ["-"] : files, parser, producer, Progress(session))
        }
        if session.interruption.hasCome { session.complain("millrace produce: ended after \(count) messages") }
        return ExitCode.success
    }

    /// Returns how many messages were published.
    private static func publish(
        _ files: [String], _ parser: LineParser, _ producer: MessageProducer, _ progress: Progress
    ) async throws -> Int {
        var count = 0
        defer { progress.clear() }
        for file in files where !producer.session.interruption.hasCome {
            let isStandard = file == "-"
            let descriptor = isStandard ? -1 : open(file, O_RDONLY | O_CLOEXEC)
            guard isStandard || descriptor >= 0 else {
                throw MillraceError(.invalidState, "\(file): \(String(cString: strerror(errno)))", isRetriable: false)
            }
            defer { if descriptor >= 0 { close(descriptor) } }
            let session = producer.session
            let input = isStandard ? session.input : Input(descriptor, session.interruption)
            var splitter = LineSplitter()
            var isAtEnd = false
            while !isAtEnd {
                let bytes = try await input.next()
                // The last line may not be complete when it is cut off.
                if bytes == nil, session.interruption.hasCome { break }
                var (messages, failure) = parser.messages(bytes, &splitter, isStandard ? "input" : file)
                let accepted: Int
                do {
                    accepted = try await producer.publish(messages)
                } catch let error as MillraceError {
                    throw MillraceError(
                        error.code, "after \(count) messages: \(error.sentence)", isRetriable: error.isRetriable)
                }
                count += accepted
                progress.showNowAndThen("\(BenchRow.grouped(Double(count))) messages")
                if let failure { throw failure }
                messages.removeAll()
                isAtEnd = bytes == nil || session.interruption.hasCome
            }
        }
        return count
    }
}
