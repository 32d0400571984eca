internal import Millrace
internal import MillraceAMQP
internal import MillraceKafka
internal import MillraceNATS
internal import MillraceMemory
internal import MillraceRedis
internal import MillraceSQLite

extension Tool {
    /// All the transports there are.
    static let registry = TransportRegistry(.memory, .sqlite, .redis, .kafka, .nats, .amqp)
    /// Where the URL is when the command line does not have it.
    static let urlVariable = "MILLRACE_URL"
}

extension Option {
    /// Most commands have it.
    static let url = Option(
        "url", "u", value: "URL", help: "Where messages are: redis://127.0.0.1:6379, memory: (default: $\(Tool.urlVariable))")
}

extension Arguments {
    /// The URL of the command line or of the environment.
    func url(_ session: Session) throws -> TransportURL {
        let given = text(.url)
        guard let text = given ?? session.environment[Tool.urlVariable], !text.isEmpty else {
            throw UsageError("there is no --url, and $\(Tool.urlVariable) is not set", command: command)
        }
        return try url(text, given == nil ? "$\(Tool.urlVariable)" : "--url", session)
    }

    /// The URL of an option that most command lines do not have.
    func url(_ option: Option, _ session: Session) throws -> TransportURL? {
        try text(option).map { try url($0, "--\(option.name)", session) }
    }

    /// A URL that stands in a place which errors name.
    func url(_ text: String, _ source: String, _ session: Session) throws -> TransportURL {
        do {
            return try TransportURL(text, environment: session.environment)
        } catch let error as MillraceError {
            throw UsageError("\(source): \(error.message)", command: command)
        }
    }
}
