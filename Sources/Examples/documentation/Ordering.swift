import Millrace
import MillraceMemory

func addParallelHandlers(to router: Router, on broker: MemoryTransport) throws {
    let byKey = HandlerOptions(concurrency: 8, ordered: .byKey)
    try router.consume("ledger", from: "orders", on: broker, byKey) { message, context in
        try await post(message)
    }

    let sideBySide = HandlerOptions(concurrency: 32, prefetch: 64, group: "mailers")
    try router.consume("mail", from: "orders", on: broker, sideBySide) { message, context in
        try await post(message)
    }
}
