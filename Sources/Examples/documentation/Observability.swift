import Millrace
import Synchronization

final class FailureCounter: Observer {
    let level = EventLevel.warning
    private let count = Atomic<Int>(0)

    func observe(_ event: Event) {
        switch event.kind {
        case .messageFailed, .messagePoisoned, .messageRejected: count.add(1, ordering: .relaxed)
        default: break
        }
    }

    var failures: Int { count.load(ordering: .relaxed) }
}

func observedRouter(_ failures: FailureCounter) -> Router {
    Router(.init(observers: [ConsoleLog(level: .info, format: .json), failures])) {
        Tracing(exportingTo: JSONLinesSpanExporter())
        Correlation()
    }
}

func report(on router: Router) throws {
    let health = router.health
    print(health.isLive, health.isReady)
    for handler in health.handlers where handler.state == .restarting {
        print(handler.name, handler.restarts, handler.lastError ?? "")
    }
    print(try router.describe().json())
    print(router.describe().mermaid)
}
