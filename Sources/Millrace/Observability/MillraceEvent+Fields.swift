extension MillraceEvent {
    /// What happened, in words that do not change from one event of a kind to the next.
    public var message: String { described.message }

    /// The values, in a fixed order.
    public var fields: [(String, String)] { described.fields }

    private var described: (message: String, fields: [(String, String)]) {
        switch kind {
        case .routerStarted(let handlers): ("router started", [("handlers", "\(handlers)")])
        case .routerDraining: ("router draining", [])
        case .routerStopped: ("router stopped", [])
        case .handlerStarted(let handler, let topic): ("handler started", [("handler", handler), ("topic", topic)])
        case .handlerStopped(let handler): ("handler stopped", [("handler", handler)])
        case .handlerPaused(let handler): ("handler paused", [("handler", handler)])
        case .handlerPausedByPolicy(let handler, let error):
            ("handler paused by its failure policy", [("handler", handler), ("error", "\(error)")])
        case .handlerResumed(let handler): ("handler resumed", [("handler", handler)])
        case .handlerRestarting(let handler, let delay, let error):
            ("subscription lost, restarting", [("handler", handler), ("after", "\(delay)"), ("error", "\(error)")])
        case .handlerFailed(let handler, let error):
            ("handler given up", [("handler", handler), ("error", "\(error)")])
        case .handlerAbandoned(let handler, let deliveries):
            ("handler ignored its cancellation", [("handler", handler), ("deliveries", "\(deliveries)")])
        case .messageHandled(let handler, let id, let attempt):
            ("message handled", [("handler", handler), ("id", "\(id)"), ("attempt", "\(attempt)")])
        case .messageFailed(let handler, let id, let attempt, let delay, let error):
            (
                "message failed",
                [
                    ("handler", handler), ("id", "\(id)"), ("attempt", "\(attempt)"), ("retryAfter", "\(delay)"),
                    ("error", "\(error)"),
                ]
            )
        case .messageRetried(let handler, let id, let attempt, let delay, let error):
            (
                "message failed, retrying",
                [
                    ("handler", handler), ("id", "\(id)"), ("attempt", "\(attempt)"), ("after", "\(delay)"),
                    ("error", "\(error)"),
                ]
            )
        case .messagePoisoned(let handler, let id, let topic, let error):
            (
                "message sent to the poison topic",
                [("handler", handler), ("id", "\(id)"), ("topic", topic), ("error", "\(error)")]
            )
        case .messageRejected(let handler, let id, let reason):
            ("message rejected", [("handler", handler), ("id", "\(id)"), ("reason", reason)])
        case .messageDropped(let handler, let id, let error):
            ("message failed, dropped", [("handler", handler), ("id", "\(id)"), ("error", "\(error)")])
        case .messageReplayed(let id, let topic, let group):
            ("message replayed", [("id", "\(id)"), ("topic", topic), ("group", group ?? "")])
        case .duplicateSkipped(let handler, let id, let key):
            ("duplicate skipped", [("handler", handler), ("id", "\(id)"), ("key", key)])
        case .errorIgnored(let handler, let id, let error):
            ("error ignored", [("handler", handler), ("id", "\(id)"), ("error", "\(error)")])
        case .circuitOpened(let handler, let delay, let error):
            ("circuit opened", [("handler", handler), ("probeAfter", "\(delay)"), ("error", "\(error)")])
        case .circuitHalfOpened(let handler): ("circuit half open", [("handler", handler)])
        case .circuitClosed(let handler): ("circuit closed", [("handler", handler)])
        case .publishFailed(let handler, let topic, let error):
            ("outputs not accepted", [("handler", handler), ("topic", topic), ("error", "\(error)")])
        case .settlementIgnored(let topic, let group, let count, let reason):
            (
                "settlement ignored",
                [("topic", topic), ("group", group ?? ""), ("count", "\(count)"), ("reason", reason.rawValue)]
            )
        case .leaseExpired(let topic, let group, let position, let attempt):
            (
                "lease expired",
                [("topic", topic), ("group", group ?? ""), ("position", "\(position)"), ("attempt", "\(attempt)")]
            )
        case .positionReset(let topic, let group, let from, let to):
            ("position reset", [("topic", topic), ("group", group ?? ""), ("from", "\(from)"), ("to", "\(to)")])
        case .messagesDropped(let topic, let count, let reason):
            ("messages dropped", [("topic", topic), ("count", "\(count)"), ("reason", reason)])
        case .spansDropped(let count, let reason):
            ("spans dropped", [("count", "\(count)"), ("reason", reason)])
        case .connected(let transport): ("connected", [("transport", transport)])
        case .disconnected(let transport, let error):
            ("disconnected", [("transport", transport), ("error", "\(error)")])
        case .log(let message, let handler, let fields):
            (message, handler.map { [("handler", $0)] + fields } ?? fields)
        }
    }
}
