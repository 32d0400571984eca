/// Moves messages from topics through handlers to topics.
///
/// Handlers are registered, then the router is run once:
///
/// ```swift
/// let router = Router { Retry(attempts: 5) }
/// try router.consume("audit", from: "invoices", on: broker) { message, context in
///     context.logger.info("invoice", ["id": message.id])
/// }
/// try await router.run()
/// ```
///
/// A handler's input is acknowledged when the handler has returned and its outputs are accepted. When it throws, the
/// middleware decides; what reaches the router is tried again later.
public final class Router: Sendable {
    private struct State {
        var phase = RouterHealth.Phase.idle
        /// What kept it from running.
        var failure: (any Error)?
        var handlers: [HandlerRun] = []
    }

    private let middleware: [any Middleware]
    private let options: RouterOptions
    /// Settings from outside; nil if there are none.
    private let overlay: HandlerOverlay?
    /// What measures the router; nil if nothing does.
    private let measuring: (any RouterMeasuring)?
    let environment: RouterEnvironment
    private let decorators = Lock(Decorators())
    private let state = Lock(State())
    private let shutdownRequested = Signal()
    private let running = Signal()

    /// A router with middleware around all of its handlers, the outermost first.
    public convenience init(_ options: RouterOptions = .init(), @MiddlewareBuilder middleware: () -> [any Middleware] = { [] }) {
        self.init(options, middleware(), overlay: nil)
    }

    init(_ options: RouterOptions, _ middleware: [any Middleware], overlay: HandlerOverlay?) {
        self.middleware = middleware
        self.overlay = overlay
        measuring = self.middleware.lazy.compactMap { $0 as? any RouterMeasuring }.first
        var options = options
        if let measuring { options.observers.append(measuring.observer) }
        self.options = options
        environment = RouterEnvironment(options)
    }

    // MARK: Registration

    /// Registers a handler, with the settings that there are for it; starts it when the router runs already.
    func register(_ definition: HandlerDefinition) throws {
        guard let overlay else {
            return try add(definition, layers: middleware + definition.options.middleware)
        }
        let (configured, layers, place) = try overlay.apply(to: definition, inside: middleware)
        do {
            try add(configured, layers: layers)
        } catch {
            // What is wrong may be the fault of the settings.
            throw place?.locating(error) ?? error
        }
    }

    private func add(_ definition: HandlerDefinition, layers: [any Middleware]) throws {
        var definition = definition
        definition.service = options.service
        definition.completePrefetch()
        try definition.validate()
        let layers = try definition.standing(layers)
        try MiddlewareOrder.check(layers, of: definition.name)
        let decorated = decorate(definition)
        if definition.options.transactional, decorators.withLock({ !$0.publishers.isEmpty }) {
            throw MillraceError.invalidOption(
                "transactional", true, bound: "false where publishers are decorated: a transaction would pass by them",
                of: "handler '\(definition.name)'")
        }
        let control = HandlerControl()
        let info = HandlerInfo(definition, environment: environment, control: control)
        let meter = try measuring?.meter(for: definition)
        let run = HandlerRun(
            decorated, middleware: try layers.map { try $0.attached(to: info) }, control: control,
            environment: environment, meter: meter)
        let startsNow = try state.withLock { state throws -> Bool in
            if let other = state.handlers.first(where: { $0.definition.name == definition.name })?.definition {
                throw MillraceError(
                    .duplicateHandler,
                    "handler '\(definition.name)' of topic '\(definition.topic)': there is a handler of that name already, it reads "
                        + "topic '\(other.topic)'", isRetriable: false)
            }
            guard state.phase != .draining, state.phase != .stopped else {
                throw MillraceError(
                    .invalidState, "handler '\(definition.name)': the router is \(state.phase.rawValue)",
                    isRetriable: false)
            }
            if let meter { measuring?.registered(meter) }
            state.handlers.append(run)
            return state.phase == .running || state.phase == .starting
        }
        if startsNow { run.start() }
    }

    /// Puts `wrap` around the publishers of handlers registered from now on; the last one added is the outermost.
    public func decoratePublishers(_ wrap: @escaping @Sendable (any Publisher) -> any Publisher) {
        decorators.withLock { $0.publishers.append(wrap) }
    }

    /// Puts `wrap` around the subscribers of handlers registered from now on; the last one added is the outermost.
    public func decorateSubscribers(_ wrap: @escaping @Sendable (any Subscriber) -> any Subscriber) {
        decorators.withLock { $0.subscribers.append(wrap) }
    }

    private func decorate(_ definition: HandlerDefinition) -> HandlerDefinition {
        decorators.withLock { $0 }.apply(to: definition)
    }

    // MARK: Life

    /// Runs until ``shutdown()`` is called, one of `signals` arrives, or the task is cancelled, and then drains: stops
    /// fetching, lets handlers finish up to the drain timeout, publishes and acknowledges, cancels what is left.
    ///
    /// A second signal cancels at once. A router runs once.
    ///
    /// - Throws: A ``MillraceError``: `invalidState` when it has run before; `invalidOption` for options out of their
    ///   bounds; `unknownHandler` for a handler that the configuration has settings for and nobody registered; `drainTimedOut`
    ///   when handlers ignored their cancellation and were abandoned, with their messages back in the transport; what a plugin
    ///   throws at its start; and what keeps a handler from ever subscribing.
    public func run(stoppingOn signals: [ProcessSignal] = [.terminate, .interrupt]) async throws {
        let handlers = try begin()
        let watch = measuring?.watch(self)
        defer { watch?.remove() }
        let plugins = options.plugins + (signals.isEmpty ? [] : [SignalPlugin(signals)])
        let started = try await start(plugins)
        for handler in handlers { handler.start() }
        var failure: (any Error)?
        do {
            for handler in handlers {
                try await settledOrShutDown(handler)
                if let error = handler.failure { throw error }
            }
            if !shutdownRequested.hasFired {
                state.withLock { $0.phase = .running }
                running.fire()
                environment.observers.report(.info, .routerStarted(handlers: handlers.count))
            }
            try await shutdownRequested.wait()
        } catch {
            // Cancelling the task is one way to ask for the shutdown; a handler that can't subscribe is an error.
            if !(error is CancellationError) { failure = error }
        }
        let abandoned = await drain()
        for plugin in started.reversed() { await plugin.stop(self) }
        state.withLock { $0.phase = .stopped }
        running.fire()
        environment.observers.report(.info, .routerStopped)
        if let failure { throw failure }
        if !abandoned.isEmpty { throw MillraceError.drainTimedOut(abandoned, after: environment.cancellationGrace) }
    }

    /// Asks a running router to drain and end; ``run(stoppingOn:)`` returns when that is done. A router that is not running
    /// yet ends as soon as it is run.
    public func shutdown() { shutdownRequested.fire() }

    /// Waits until all handlers are subscribed, those that were added while running included. Throws `CancellationError` when
    /// the task is cancelled, what ``run(stoppingOn:)`` has thrown when the router could not begin, and a ``MillraceError`` of
    /// code `invalidState` when it has ended.
    public func waitUntilRunning() async throws {
        try await running.wait()
        // Handlers that were never started never settle.
        if let failure = state.withLock({ $0.failure }) { throw failure }
        for handler in state.withLock({ $0.handlers }) { try await handler.settled.wait() }
        let phase = state.withLock { $0.phase }
        guard phase == .running || phase == .draining else {
            throw MillraceError(.invalidState, "the router is \(phase.rawValue)", isRetriable: false)
        }
    }

    /// Waits until a handler is subscribed or has failed to; not for a broker that is down when the shutdown is asked for.
    private func settledOrShutDown(_ handler: HandlerRun) async throws {
        let either = Signal()
        handler.settled.whenFired { either.fire() }
        shutdownRequested.whenFired { either.fire() }
        try await either.wait()
    }

    private func start(_ plugins: [any RouterPlugin]) async throws -> [any RouterPlugin] {
        var started: [any RouterPlugin] = []
        do {
            for plugin in plugins {
                try await plugin.start(self)
                started.append(plugin)
            }
            return started
        } catch {
            for plugin in started.reversed() { await plugin.stop(self) }
            throw neverRun(because: error)
        }
    }

    /// Checks that everything is in order, and returns the handlers to start.
    private func begin() throws -> [HandlerRun] {
        let handlers = try state.withLock { state throws -> Result<[HandlerRun], any Error> in
            guard state.phase == .idle else {
                throw MillraceError(
                    .invalidState, "the router is \(state.phase.rawValue); a router runs once", isRetriable: false)
            }
            return Result {
                try options.validate()
                try overlay?.checkAllUsed(state.handlers.map(\.definition.name))
                state.phase = .starting
                return state.handlers
            }
        }
        do {
            return try handlers.get()
        } catch {
            throw neverRun(because: error)
        }
    }

    /// The end of a router that could not begin: whoever waits for it is told why.
    private func neverRun(because error: any Error) -> any Error {
        state.withLock { state in
            state.phase = .stopped
            state.failure = error
        }
        running.fire()
        return error
    }

    /// Stops all handlers, and says which of them had to be abandoned, in the order of registration.
    private func drain() async -> [AbandonedHandler] {
        environment.observers.report(.info, .routerDraining)
        let handlers = state.withLock { state in
            state.phase = .draining
            return state.handlers
        }
        let counts = await withTaskGroup(of: (Int, Int).self) { group in
            for (index, handler) in handlers.enumerated() { group.addTask { (index, await handler.stop()) } }
            return await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
        }
        return handlers.enumerated().compactMap { index, handler in
            guard let count = counts[index], count > 0 else { return nil }
            return AbandonedHandler(name: handler.definition.name, topic: handler.definition.topic, deliveries: count)
        }
    }

    /// Cancels what handlers are doing, at once: for a user who does not want to wait for the drain timeout.
    func cutOff() {
        for handler in state.withLock({ $0.handlers }) { handler.cutOff() }
    }

    /// Cancels what handlers are doing if the shutdown has been asked for already: for whoever asks a second time.
    package func cutOffIfDraining() {
        if shutdownRequested.hasFired { cutOff() }
    }

    // MARK: Handlers while running

    /// Lets a handler fetch nothing until it is resumed; what it has fetched, it handles. Throws a ``MillraceError`` of code
    /// `unknownHandler`.
    public func pause(_ handler: String) throws { try find(handler).pause() }

    /// Lets a handler fetch again that was paused by ``pause(_:)`` or by a `FailurePolicy`. Throws a ``MillraceError`` of
    /// code `unknownHandler`.
    public func resume(_ handler: String) throws { try find(handler).resume() }

    /// Stops one handler in the phases of a shutdown and forgets it; its name is free again. Throws a ``MillraceError`` of
    /// code `unknownHandler`, and one of code `drainTimedOut` when it had to be abandoned.
    public func stop(_ handler: String) async throws {
        let run = try find(handler)
        let abandoned = await run.stop()
        state.withLock { state in state.handlers.removeAll { $0 === run } }
        if abandoned > 0 {
            let one = AbandonedHandler(name: handler, topic: run.definition.topic, deliveries: abandoned)
            throw MillraceError.drainTimedOut([one], after: environment.cancellationGrace)
        }
    }

    private func find(_ name: String) throws -> HandlerRun {
        let run = state.withLock { state in state.handlers.first { $0.definition.name == name } }
        guard let run else {
            throw MillraceError(.unknownHandler, "there is no handler '\(name)'", isRetriable: false)
        }
        return run
    }

    // MARK: Report

    /// How the router and its handlers are doing.
    public var health: RouterHealth {
        let (phase, handlers) = state.withLock { ($0.phase, $0.handlers) }
        return RouterHealth(phase: phase, handlers: handlers.map(\.health))
    }

    /// What is connected to what. Needs no broker.
    public func describe() -> Topology {
        let handlers = state.withLock { $0.handlers }
        return Topology(handlers: handlers.map { Topology.Handler($0.definition, middleware: middleware) })
    }
}

/// What the user puts around transports.
private struct Decorators: Sendable {
    var publishers: [@Sendable (any Publisher) -> any Publisher] = []
    var subscribers: [@Sendable (any Subscriber) -> any Subscriber] = []

    func apply(to definition: HandlerDefinition) -> HandlerDefinition {
        guard !publishers.isEmpty || !subscribers.isEmpty else { return definition }
        func wrap(_ publisher: any Publisher) -> any Publisher { publishers.reduce(publisher) { $1($0) } }
        var decorated = definition
        decorated.subscriber = subscribers.reduce(definition.subscriber) { $1($0) }
        decorated.output = definition.output.map { .init(topic: $0.topic, publisher: wrap($0.publisher)) }
        decorated.publisher = definition.publisher.map(wrap)
        return decorated
    }
}
