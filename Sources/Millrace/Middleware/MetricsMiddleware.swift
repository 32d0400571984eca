/// Measures what stands inside of it, and with it the router that it belongs to.
///
/// ```swift
/// let metrics = MetricsRegistry()
/// let router = Router {
///     MetricsMiddleware(in: metrics)
///     PoisonQueue("orders.poison", on: broker)
///     Retry()
/// }
/// ```
///
/// Names, labels and buckets follow the OpenTelemetry semantic conventions for messaging (version 1.44), in the form that
/// Prometheus asks for. What the conventions do not have begins with `millrace_`. Put it first: it times each message once, all
/// attempts included.
///
/// Among the middleware of a router it also counts retries, redeliveries, messages that were given up, publishing and
/// acknowledging, of handlers of batches too, and shows how the handlers are doing while the router runs. Among that of a
/// handler it only counts and times what the handler does. A handler is to have one.
public struct MetricsMiddleware: StagedMiddleware {
    private let registry: MetricsRegistry
    private let watermillNames: Bool
    let router: RouterMeter
    /// Present once it is attached to a handler.
    private(set) var process: ProcessMeter?

    /// A middleware that measures.
    ///
    /// - Parameters:
    ///   - registry: Where they are kept, and read.
    ///   - watermillNames: Whether to keep Watermill's three metrics as well. Defaults to false.
    public init(in registry: MetricsRegistry, watermillNames: Bool = false) {
        self.registry = registry
        self.watermillNames = watermillNames
        router = RouterMeter(registry)
    }

    /// Makes the handler's instruments. Throws a ``MillraceError`` of code `invalidOption` when one of their names is taken by a
    /// metric of another kind.
    public func attached(to handler: HandlerInfo) throws -> any Middleware {
        var copy = self
        copy.process = try ProcessMeter(
            registry, handler: handler.name, topic: handler.topic, group: handler.group, system: handler.system,
            watermillNames: watermillNames)
        return copy
    }

    /// Counts the message and reads the clock.
    public func begin(_ message: Message, _ context: HandlerContext) {
        context.begunAt = context.clock.now.nanoseconds
        process?.begin()
    }

    /// Records how long it took.
    public func finish(_ outputs: inout Outputs, of message: Message, _ context: HandlerContext) {
        process?.succeed(context.clock.now.nanoseconds &- context.begunAt)
    }

    /// Records how long it took, with the type of the error.
    public func recover(
        from error: any Error, _ message: Message, _ context: HandlerContext, next: NextHandler
    ) async throws -> Outputs {
        process?.fail(error, context.clock.now.nanoseconds &- context.begunAt)
        throw error
    }
}

extension MetricsMiddleware: RouterMeasuring {
    var observer: any Observer { router }

    func meter(for definition: HandlerDefinition) throws -> HandlerMeter {
        let observer = registry.transportMeter
        definition.subscriber.attach(observer)
        (definition.publisher as? any Subscriber)?.attach(observer)
        return try HandlerMeter(registry, for: definition, watermillNames: watermillNames)
    }

    func registered(_ meter: HandlerMeter) { router.add(meter) }

    func watch(_ router: Router) -> MetricsCollector { self.router.watch(router) }
}

/// Middleware of a router that measures more than the messages that pass through it.
protocol RouterMeasuring: Middleware {
    /// Is told what happens in the router.
    var observer: any Observer { get }
    /// What is to measure a handler that is being registered.
    func meter(for definition: HandlerDefinition) throws -> HandlerMeter
    /// The handler is registered.
    func registered(_ meter: HandlerMeter)
    /// The router runs, until what is returned is removed.
    func watch(_ router: Router) -> MetricsCollector
}
