import Millrace
import MillraceMemory
import MillraceRedis

func swapTheTransport(bill: @escaping @Sendable (Message) async throws -> Outputs) async throws {
    let configuration = try Configuration(file: "service.json")
    let registry = TransportRegistry(.memory, .redis)
    try await registry.withTransports(configuration) { transports in
        let router = try Router(configuration: transports) { Retry(attempts: 5) }
        try router.handle("bill", from: "orders", on: transports["main"], to: "invoices") { message, context in
            try await bill(message)
        }
        try await router.run()
    }
}

func connectByURL(_ registry: TransportRegistry) async throws {
    let broker = try await registry.connect("redis://127.0.0.1:6379/0?group=billing")
    await broker.close()
}

func readOwnSettings(_ configuration: Configuration) throws -> String {
    let bank = try configuration.application { section in try section.takeText("bank") } ?? "https://bank.example"
    return bank
}

/// Closing by hand.
func connectByHand(_ registry: TransportRegistry, _ configuration: Configuration) async throws {
    let transports = try await registry.connect(configuration)
    let router = try Router(configuration: transports)
    try await router.run()
    await transports.close()
}

/// Middleware of one's own that a file can set.
struct Slow: ConfigurableMiddleware {
    private var delay = Duration.milliseconds(10)

    mutating func configure(_ section: inout ConfigurationSection) throws {
        delay = try section.takeDuration("delay") ?? delay
    }

    func handle(_ message: Message, _ context: HandlerContext, next: NextHandler) async throws -> Outputs {
        try await context.clock.sleep(for: delay)
        return try await next(message, context)
    }
}

/// A transport of one's own that a registry can have.
extension TransportFactory {
    static var quietMemory: TransportFactory {
        TransportFactory(
            "quiet", schemes: ["quiet"],
            options: [Option("capacity", "The most messages that a group holds; at least 1.", default: "1024")]
        ) { url, context in
            var url = url
            let capacity = try url.takeNumber("capacity") ?? 1_024
            try url.finish()
            return try MemoryTransport(MemoryOptions(capacity: capacity), clock: context.clock, observers: Observers())
        }
    }
}
