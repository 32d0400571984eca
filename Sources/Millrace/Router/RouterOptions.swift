/// How a router runs and ends.
public struct RouterOptions: Sendable {
    /// The name of the service, which goes before the names of its handlers' consumer groups: the handler `audit` of the service `shop`
    /// reads in the group `shop.audit`, and shares no messages with a handler `audit` of another service. Defaults to nil: groups
    /// have the bare names of handlers. A group that is named in full by ``HandlerOptions/Group/named(_:)`` stays as it is.
    ///
    /// Giving a running service a name gives it new groups, which begin as `HandlerOptions.start` says.
    public var service: String?
    /// How long handlers may go on after the shutdown has begun, before they are cancelled. Defaults to 20 seconds: with
    /// ``cancellationGrace`` it fits into the 30 seconds that Kubernetes gives a container to end.
    public var drainTimeout: Duration
    /// How long handlers may take to notice that they are cancelled, before they are abandoned. Defaults to 5 seconds.
    public var cancellationGrace: Duration
    /// How long to wait before a lost subscription is opened again. Defaults to 100 milliseconds up to 30 seconds.
    public var restart: Backoff
    /// The clock that everything waits on.
    public var clock: any SchedulingClock
    /// Where jitter comes from.
    public var random: RandomSource
    /// Who is told what happens. Defaults to warnings and errors on standard error.
    public var observers: [any Observer]
    /// What runs beside the handlers.
    public var plugins: [any RouterPlugin]

    /// Options with the given values.
    public init(
        service: String? = nil, drainTimeout: Duration = .seconds(20), cancellationGrace: Duration = .seconds(5),
        restart: Backoff = .exponential(from: .milliseconds(100), upTo: .seconds(30)),
        clock: any SchedulingClock = SystemClock.shared, random: RandomSource = RandomSource(),
        observers: [any Observer] = [ConsoleLog()], plugins: [any RouterPlugin] = []
    ) {
        self.service = service
        self.drainTimeout = drainTimeout
        self.cancellationGrace = cancellationGrace
        self.restart = restart
        self.clock = clock
        self.random = random
        self.observers = observers
        self.plugins = plugins
    }

    /// Throws a ``MillraceError`` of code `invalidOption` that names the field, its value and its bound.
    func validate() throws {
        if let service { try Naming.check(service, kind: "service", code: .invalidOption) }
        for (name, value) in [("drainTimeout", drainTimeout), ("cancellationGrace", cancellationGrace)] {
            guard value >= .zero else {
                throw MillraceError.invalidOption(name, value, bound: "at least 0", of: "router")
            }
        }
        try restart.validate(for: "router: restart")
    }
}

/// What a router's parts share.
struct RouterEnvironment: Sendable {
    let clock: any SchedulingClock
    let random: RandomSource
    let observers: Observers
    let restart: Backoff
    let drainTimeout: Duration
    let cancellationGrace: Duration

    init(_ options: RouterOptions) {
        clock = options.clock
        random = options.random
        observers = Observers(options.observers)
        restart = options.restart
        drainTimeout = options.drainTimeout
        cancellationGrace = options.cancellationGrace
    }
}

/// Something that lives as long as a router runs: an endpoint, a reporter, a watcher of signals.
public protocol RouterPlugin: Sendable {
    /// Called before the handlers start. An error keeps the router from running.
    func start(_ router: Router) async throws
    /// Called when the handlers have stopped.
    func stop(_ router: Router) async
}
