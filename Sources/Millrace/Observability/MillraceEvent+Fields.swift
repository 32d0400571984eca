extension MillraceEvent {
    /// What happened, in words that do not change from one event of a kind to the next.
    public var message: String { described.message }

    /// The values, in a fixed order.
    public var fields: [(String, LogValue)] { described.fields }

    private var described: (message: String, fields: [(String, LogValue)]) {
        switch kind {
        case .routerStarted(let handlers): ("router started", [("handlers", LogValue(handlers))])
        case .routerDraining: ("router draining", [])
        case .routerStopped: ("router stopped", [])
        case .handlerStarted(let handler, let topic, let group):
            ("handler started", Self.place(handler, topic, group))
        case .handlerStopped(let handler): ("handler stopped", [("handler", .text(handler))])
        case .handlerPaused(let handler): ("handler paused", [("handler", .text(handler))])
        case .handlerPausedByPolicy(let handler, let error):
            ("handler paused by its failure policy", [("handler", .text(handler)), ("error", "\(error)")])
        case .handlerResumed(let handler): ("handler resumed", [("handler", .text(handler))])
        case .handlerRestarting(let handler, let topic, let group, let delay, let error):
            (
                "subscription lost, restarting",
                Self.place(handler, topic, group) + [("after", .duration(delay)), ("error", "\(error)")]
            )
        case .handlerFailed(let handler, let error):
            ("handler given up", [("handler", .text(handler)), ("error", "\(error)")])
        case .handlerAbandoned(let handler, let deliveries):
            ("handler ignored its cancellation", [("handler", .text(handler)), ("deliveries", LogValue(deliveries))])
        case .messageHandled(let handler, let id, let attempt):
            ("message handled", [("handler", .text(handler)), ("id", "\(id)"), ("attempt", LogValue(attempt))])
        case .messageFailed(let handler, let topic, let group, let id, let attempt, let delay, let error):
            (
                "message failed",
                Self.place(handler, topic, group) + [
                    ("id", "\(id)"), ("attempt", LogValue(attempt)), ("retryAfter", .duration(delay)),
                    ("error", "\(error)"),
                ]
            )
        case .messageRetried(let handler, let id, let attempt, let delay, let error):
            (
                "message failed, retrying",
                [
                    ("handler", .text(handler)), ("id", "\(id)"), ("attempt", LogValue(attempt)), ("after", .duration(delay)),
                    ("error", "\(error)"),
                ]
            )
        case .messagePoisoned(let handler, let id, let topic, let error):
            (
                "message sent to the poison topic",
                [("handler", .text(handler)), ("id", "\(id)"), ("topic", .text(topic)), ("error", "\(error)")]
            )
        case .messageRejected(let handler, let id, let reason):
            ("message rejected", [("handler", .text(handler)), ("id", "\(id)"), ("reason", .text(reason))])
        case .messageDropped(let handler, let id, let error):
            ("message failed, dropped", [("handler", .text(handler)), ("id", "\(id)"), ("error", "\(error)")])
        case .messageReplayed(let id, let topic, let group):
            ("message replayed", [("id", "\(id)"), ("topic", .text(topic)), ("group", .text(group ?? ""))])
        case .duplicateSkipped(let handler, let id, let key):
            ("duplicate skipped", [("handler", .text(handler)), ("id", "\(id)"), ("key", .text(key))])
        case .errorIgnored(let handler, let id, let error):
            ("error ignored", [("handler", .text(handler)), ("id", "\(id)"), ("error", "\(error)")])
        case .circuitOpened(let handler, let delay, let error):
            ("circuit opened", [("handler", .text(handler)), ("probeAfter", .duration(delay)), ("error", "\(error)")])
        case .circuitHalfOpened(let handler): ("circuit half open", [("handler", .text(handler))])
        case .circuitClosed(let handler): ("circuit closed", [("handler", .text(handler))])
        case .publishFailed(let handler, let topic, let error):
            ("outputs not accepted", [("handler", .text(handler)), ("topic", .text(topic)), ("error", "\(error)")])
        case .settlementIgnored(let topic, let group, let count, let reason):
            (
                "settlement ignored",
                [
                    ("topic", .text(topic)), ("group", .text(group ?? "")), ("count", LogValue(count)),
                    ("reason", .text(reason.rawValue)),
                ]
            )
        case .leaseExpired(let topic, let group, let position, let attempt):
            (
                "lease expired",
                [
                    ("topic", .text(topic)), ("group", .text(group ?? "")), ("position", "\(position)"),
                    ("attempt", LogValue(attempt)),
                ]
            )
        case .positionReset(let topic, let group, let from, let to):
            ("position reset", [("topic", .text(topic)), ("group", .text(group ?? "")), ("from", "\(from)"), ("to", "\(to)")])
        case .messagesDropped(let topic, let count, let reason):
            ("messages dropped", [("topic", .text(topic)), ("count", LogValue(count)), ("reason", .text(reason))])
        case .spansDropped(let count, let reason):
            ("spans dropped", [("count", LogValue(count)), ("reason", .text(reason))])
        case .connected(let transport): ("connected", [("transport", .text(transport))])
        case .disconnected(let transport, let error):
            ("disconnected", [("transport", .text(transport)), ("error", "\(error)")])
        case .contextClosed(let handler, let id, let call):
            (
                "called on the context of a message that is done with",
                [("handler", .text(handler)), ("id", "\(id.map(String.init(describing:)) ?? "")"), ("call", .text(call))]
            )
        case .log(let message, let handler, let fields):
            (message, handler.map { [("handler", .text($0))] + fields.filter { $0.0 != "handler" } } ?? fields)
        }
    }

    /// Where a handler stands; without the group for one that has none.
    private static func place(_ handler: String, _ topic: String, _ group: String?) -> [(String, LogValue)] {
        let place: [(String, LogValue)] = [("handler", .text(handler)), ("topic", .text(topic))]
        return group.map { place + [("group", .text($0))] } ?? place
    }
}
