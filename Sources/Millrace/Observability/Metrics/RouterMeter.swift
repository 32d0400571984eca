/// Counts the events of a router, and tells how its handlers are doing.
final class RouterMeter: Observer {
    /// Retries are events of this level. Lines that handlers log are not wanted.
    let level = EventLevel.debug
    let takesLogs = false

    let registry: MetricsRegistry
    private let handlers = Lock<[String: HandlerMeter]>([:])

    init(_ registry: MetricsRegistry) { self.registry = registry }

    /// A handler was registered.
    func add(_ meter: HandlerMeter) { handlers.withLock { $0[meter.handler] = meter } }

    /// Counts an event of one of the handlers.
    func observe(_ event: MillraceEvent) {
        let handler: String
        switch event.kind {
        case .messageRetried(let name, _, _, _, _), .messageFailed(let name, _, _, _, _, _, _),
            .messagePoisoned(let name, _, _, _),
            .messageRejected(let name, _, _), .messageDropped(let name, _, _), .handlerRestarting(let name, _, _, _, _):
            handler = name
        default: return
        }
        handlers.withLock { $0[handler] }?.count(event.kind)
    }

    /// Has the registry show how the handlers of a router are doing, until the token is removed or the router is gone.
    func watch(_ router: Router) -> MetricsCollector {
        registry.onCollect { [weak router, self] samples in
            guard let router else { return }
            let meters = handlers.withLock { $0 }
            for health in router.health.handlers {
                guard let labels = meters[health.name]?.labels else { continue }
                Self.write(health, labels, into: &samples)
            }
        }
    }

    private static func write(_ health: HandlerHealth, _ labels: MetricLabels, into samples: inout MetricSamples) {
        samples.gauge(
            "millrace_in_flight_messages", help: "Messages that handlers have taken and not settled.", labels: labels,
            Double(health.inFlight))
        for state in HandlerHealth.State.allCases {
            samples.gauge(
                "millrace_handler_state", help: "1 for the state that a handler is in, 0 for the others.",
                labels: labels.adding(["state": state.rawValue]), state == health.state ? 1 : 0)
        }
        for holder in HandlerControl.Holder.allCases {
            samples.gauge(
                "millrace_handler_paused", help: "1 for each holder that keeps a handler from fetching.",
                labels: labels.adding(["holder": holder.rawValue]), health.pausedBy.contains(holder) ? 1 : 0)
        }
        guard let lag = health.lag else { return }
        samples.gauge(
            "millrace_lag_messages", help: "Messages that wait for a handler's consumer group.", labels: labels, Double(lag))
    }
}
