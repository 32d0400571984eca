import Millrace

/// What is said first on a connection: who we are, and which database; and what is asked: whether the server can serve us.
final class RedisHandshake: RedisCall, @unchecked Sendable {
    private enum Step { case authenticate, select, name, id, cluster }

    private let options: RedisOptions
    private let endpoint: RedisEndpoint
    private let steps: [Step]
    private let clientName: String
    private let done: (Result<Int, MillraceError>) -> Void
    private var index = 0
    private var clientID = 0
    private var isOver = false

    init(
        _ options: RedisOptions, _ endpoint: RedisEndpoint, role: String, done: @escaping (Result<Int, MillraceError>) -> Void
    ) {
        self.options = options
        self.endpoint = endpoint
        self.done = done
        clientName = "\(options.clientName ?? "millrace")-\(role)"
        var steps: [Step] = []
        if options.password != nil { steps.append(.authenticate) }
        if options.database != 0 { steps.append(.select) }
        self.steps = steps + [.name, .id, .cluster]
    }

    override func encode(into writer: inout RESPWriter) -> Int {
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
        case .id: clientID = reply.integer ?? 0
        case .cluster where reply.text.contains("cluster_enabled:1"):
            return end(
                .failure(
                    MillraceError(
                        .unsupported, "\(endpoint) is a node of a Redis Cluster, which is not supported", isRetriable: false)))
        default: break
        }
        if index == steps.count { end(.success(clientID)) }
    }

    private func fail(_ step: Step, _ error: String) {
        // Old servers do not know these; nothing that matters depends on them.
        let isVital = step == .authenticate || step == .select || error.hasPrefix("NOAUTH") || error.hasPrefix("LOADING")
        guard isVital else {
            if index == steps.count { end(.success(clientID)) }
            return
        }
        let field = step == .select ? "database \(options.database)" : "the password"
        let what = step == .authenticate || step == .select || error.hasPrefix("NOAUTH") ? "\(field) was refused: " : ""
        end(
            .failure(
                MillraceError(
                    .connectionFailed, "\(endpoint): \(what)\(error)", isRetriable: error.hasPrefix("LOADING"))))
    }

    private func end(_ result: Result<Int, MillraceError>) {
        isOver = true
        done(result)
    }

    override func interrupted() -> Bool { false }
}
