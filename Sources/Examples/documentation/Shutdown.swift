import Millrace
import MillraceMemory

func stopInCode(_ router: Router) async throws {
    async let running: Void = router.run(stoppingOn: [])
    try await router.waitUntilRunning()
    router.shutdown()
    try await running
}

func patientRouter() -> Router {
    Router(.init(drainTimeout: .seconds(60), cancellationGrace: .seconds(10)))
}

func runService(_ router: Router, on broker: MemoryTransport) async throws {
    do {
        try await router.run(stoppingOn: [.terminate, .interrupt, .quit])
    } catch let error as MillraceError where error.code == .drainTimedOut {
        print("handlers had to be abandoned: \(error.message)")
    }
    await broker.close()
}

func controlHandlers(of router: Router) async throws {
    try router.pause("charge")
    try router.resume("charge")
    try await router.stop("charge")
}
