import Millrace

/// What a server has said of a new connection.
struct RedisGreeting: Sendable {
    /// The server's number for the connection.
    var clientID = 0
    /// What time it is there; nil when it does not say.
    var reading: TimeReading?
}

/// What is said first on a connection: who we are, and which database; and what is asked: whether the server can serve us.
final class RedisHandshake: RedisCall, @unchecked Sendable {
    private enum Step { case authenticate, select, name, id, time, cluster, role }

    private let options: RedisOptions
    private let endpoint: RedisEndpoint
    private let steps: [Step]
    private let clientName: String
    private let clock: any SchedulingClock
    private var asked = ClockInstant(nanoseconds: 0)
    private let done: (Result<RedisGreeting, MillraceError>) -> Void
    private var index = 0
    private var greeting = RedisGreeting()
    private var isOver = false

    init(
        _ options: RedisOptions, _ endpoint: RedisEndpoint, role: String, clock: any SchedulingClock,
        done: @escaping (Result<RedisGreeting, MillraceError>) -> Void
    ) {
        self.options = options
        self.endpoint = endpoint
        self.done = done
        self.clock = clock
        clientName = "\(options.clientName ?? "millrace")-\(role)"
        var steps: [Step] = []
        if options.password != nil { steps.append(.authenticate) }
        if options.database != 0 { steps.append(.select) }
        steps += [.name, .id, .time, .cluster]
        // A Sentinel may name a server that has been demoted, or is no primary yet.
        if options.sentinels != nil { steps.append(.role) }
        self.steps = steps
    }

    override func encode(into writer: inout RESPWriter) -> Int {
        asked = clock.now
        for step in steps {
            switch step {
            case .authenticate:
                writer.command(arguments: options.username == nil ? 2 : 3)
                writer.bulk("AUTH")
                if let username = options.username { writer.bulk(username) }
                writer.bulk(options.password ?? "")
            case .select:
                writer.command(arguments: 2)
                writer.bulk("SELECT")
                writer.bulk(options.database)
            case .name:
                writer.command(arguments: 3)
                writer.bulk("CLIENT")
                writer.bulk("SETNAME")
                writer.bulk(clientName)
            case .id:
                writer.command(arguments: 2)
                writer.bulk("CLIENT")
                writer.bulk("ID")
            case .time:
                writer.command(arguments: 1)
                writer.bulk("TIME")
            case .role:
                writer.command(arguments: 1)
                writer.bulk("ROLE")
            case .cluster:
                writer.command(arguments: 2)
                writer.bulk("INFO")
                writer.bulk("cluster")
            }
        }
        return steps.count
    }

    override func reply(_ reply: borrowing RedisReply) {
        guard !isOver else { return }
        let step = steps[index]
        index += 1
        if let error = reply.error { return fail(step, error) }
        switch step {
        case .id: greeting.clientID = reply.integer ?? 0
        case .time:
            greeting.reading = TimeReading.milliseconds(in: reply).map { TimeReading($0, asked: asked, by: clock) }
        case .role where reply.element(0) { $0.text } != "master":
            return end(
                .failure(
                    MillraceError(.connectionFailed, "\(endpoint): the server is not the primary at present", isRetriable: true)))
        case .cluster where reply.text.contains("cluster_enabled:1"):
            return end(
                .failure(
                    MillraceError(
                        .unsupported, "\(endpoint) is a node of a Redis Cluster, which is not supported", isRetriable: false)))
        default: break
        }
        if index == steps.count { end(.success(greeting)) }
    }

    private func fail(_ step: Step, _ error: String) {
        // Old servers do not know these; nothing that matters depends on them.
        let isVital = step == .authenticate || step == .select || error.hasPrefix("NOAUTH") || error.hasPrefix("LOADING")
        guard isVital else {
            if index == steps.count { end(.success(greeting)) }
            return
        }
        let field = step == .select ? "database \(options.database)" : "the password"
        let what = step == .authenticate || step == .select || error.hasPrefix("NOAUTH") ? "\(field) was refused: " : ""
        end(
            .failure(
                MillraceError(
                    .connectionFailed, "\(endpoint): \(what)\(error)", isRetriable: error.hasPrefix("LOADING"))))
    }

    private func end(_ result: Result<RedisGreeting, MillraceError>) {
        isOver = true
        done(result)
    }

    override func interrupted(sent: Int) -> Bool { false }
}
