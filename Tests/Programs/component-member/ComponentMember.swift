import Millrace
import MillraceCQRS
import MillraceSQLite

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// A process that runs a component between two files of SQLite, for tests that kill it. Ends by SIGTERM:
///
///     component-member forward SOURCE TARGET    brings what is in 'outbox' of SOURCE to TARGET
///     component-member fan-out SOURCE TARGET    has 'a', 'b' and 'c' handle 'orders' of SOURCE: each writes what it has handled to the
///                                               topic of its name in TARGET
@main struct ComponentMember {
    static func main() async throws {
        let arguments = CommandLine.arguments
        guard arguments.count == 4 else { exit(2) }
        let source = try await SQLiteTransport(SQLiteOptions(url: arguments[2]), observers: Observers())
        let target = try await SQLiteTransport(SQLiteOptions(url: arguments[3]), observers: Observers())
        let router = Router()
        switch arguments[1] {
        case "forward":
            try router.register(
                Forwarder(
                    "forwarder", from: "outbox", on: source, to: target, upTo: 50,
                    options: HandlerOptions(ordered: .byKey, prefetch: 50, lease: .seconds(1))))
        case "fan-out": try fanOut(from: source, to: target, in: router)
        default: exit(2)
        }
        async let running: Void = router.run()
        try await router.waitUntilRunning()
        ConsoleLog.writeToStandardError("running")
        try await running
        await source.close()
        await target.close()
    }

    private static func fanOut(from source: SQLiteTransport, to target: SQLiteTransport, in router: Router) throws {
        let consumers = ["a", "b", "c"]
        let orders = FanOut("orders", on: source, group: "shop", to: consumers, prefetch: 50, lease: .seconds(1))
        for (index, name) in consumers.enumerated() {
            let options = HandlerOptions(concurrency: 4, ordered: .byKey, lease: .seconds(1))
            try router.consume(name, from: "orders", on: orders, options: options) { message, context in
                // They are not equally fast, so that a moment at which one has handled what others have not is easily found.
                if index > 0 { try await SystemClock.shared.sleep(for: .milliseconds(index)) }
                if index == 2, context.attempt == 1, message.payload.text?.hasSuffix("7") == true {
                    throw RetryLater(after: .milliseconds(3))
                }
                try await target.publish([message], to: name)
            }
        }
    }
}
