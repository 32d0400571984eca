/// Logs a line when a message is begun, and one when it is handled or has failed, with the time that it took.
///
/// Lines go to the router's observers, like those of `context.logger`. The payload is left out unless asked for. A handler
/// whose observers listen to none of the levels has no such middleware at all.
public struct LoggingMiddleware: Middleware {
    private(set) var started: EventLevel?
    private(set) var finished: EventLevel?
    private(set) var failed: EventLevel?
    private var payloadLimit: Int?

    /// Lines at one level, failures included.
    ///
    /// - Parameters:
    ///   - level: Defaults to debug.
    ///   - payloadLimit: Up to how many bytes of the payload the first line shows, if it is text; nil, the default, for none of
    ///     it. At least 1.
    public init(level: EventLevel = .debug, payloadUpTo payloadLimit: Int? = nil) {
        self.init(started: level, finished: level, failed: level, payloadUpTo: payloadLimit)
    }

    /// Lines at levels of their own; nil leaves the line out.
    public init(
        started: EventLevel?, finished: EventLevel?, failed: EventLevel?, payloadUpTo payloadLimit: Int? = nil
    ) {
        self.started = started
        self.finished = finished
        self.failed = failed
        self.payloadLimit = payloadLimit
    }

    /// Itself, or nothing that costs when nobody listens.
    public func attached(to handler: HandlerInfo) throws -> any Middleware {
        let levels = [started, finished, failed].compactMap { $0 }
        return levels.contains { handler.observers.want($0) } ? self : Silence()
    }

    /// Logs, handles the message, and logs again.
    public func handle(_ message: Message, _ context: HandlerContext, next: NextHandler) async throws -> Outputs {
        let start = context.clock.now
        if let started, context.observers.want(started) { begin(message, context, at: started) }
        do {
            let outputs = try await next(message, context)
            if let finished {
                context.logger.log(
                    finished, "handled",
                    ["took": start.duration(to: context.clock.now), "outputs": outputs.count])
            }
            return outputs
        } catch {
            if let failed {
                context.logger.log(
                    failed, "failed",
                    ["took": start.duration(to: context.clock.now), "error": "\(error)"])
            }
            throw error
        }
    }

    private func begin(_ message: Message, _ context: HandlerContext, at level: EventLevel) {
        guard let payloadLimit else {
            return context.logger.log(
                level, "handling",
                ["key": message.key ?? "", "bytes": message.payload.count])
        }
        let head = message.payload.prefix(payloadLimit)
        // What was cut in the middle of a character is shown with a replacement for it.
        let text = String(decoding: head, as: UTF8.self)
        context.logger.log(
            level, "handling",
            ["key": message.key ?? "", "bytes": message.payload.count, "payload": text])
    }

    func validate(for handler: String) throws {
        guard let payloadLimit, payloadLimit < 1 else { return }
        throw MillraceError.invalidOption(
            "payloadUpTo", payloadLimit, bound: "at least 1", of: "handler '\(handler)': \(name)")
    }

    /// Keeps the place of a logging that nobody listens to.
    private struct Silence: StagedMiddleware, BatchMiddleware {
        var name: String { "LoggingMiddleware" }
        var stages: Stages { [] }

        func handle(_ batch: HandlerBatch, _ context: HandlerContext, next: NextBatchHandler) async throws {
            try await next(batch, context)
        }
    }
}

extension LoggingMiddleware: ConfigurableMiddleware {
    private static let levels: KeyValuePairs<String, EventLevel?> = [
        "trace": .trace, "debug": .debug, "info": .info, "warning": .warning, "error": .error, "none": nil,
    ]

    /// Takes `started`, `finished` and `failed`: `trace`, `debug`, `info`, `warning`, `error`, or `none` for no line; `level` for
    /// all three; and `payload-up-to`.
    public mutating func configure(_ section: inout ConfigurationSection) throws {
        if let level = try section.takeChoice("level", Self.levels) { (started, finished, failed) = (level, level, level) }
        started = try section.takeChoice("started", Self.levels) ?? started
        finished = try section.takeChoice("finished", Self.levels) ?? finished
        failed = try section.takeChoice("failed", Self.levels) ?? failed
        payloadLimit = try section.takeNumber("payload-up-to") ?? payloadLimit
    }
}
