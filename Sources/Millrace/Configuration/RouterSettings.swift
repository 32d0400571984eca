/// What a configuration says of the router; what it does not mention stays as the code has it.
struct RouterSettings: Sendable {
    private(set) var service: String?
    private var drainTimeout: Duration?
    private var cancellationGrace: Duration?
    private var restart: BackoffSettings?

    init() {}

    init(_ section: inout ConfigurationSection) throws {
        service = try section.takeText("service")
        drainTimeout = try section.takeDuration("drain-timeout", atLeast: .zero)
        cancellationGrace = try section.takeDuration("cancellation-grace", atLeast: .zero)
        restart = try section.takeBackoffSettings("restart")
    }

    func apply(to options: inout RouterOptions) throws {
        if let service { options.service = service }
        if let drainTimeout { options.drainTimeout = drainTimeout }
        if let cancellationGrace { options.cancellationGrace = cancellationGrace }
        if let restart { options.restart = try restart.applied(to: options.restart) }
    }
}
