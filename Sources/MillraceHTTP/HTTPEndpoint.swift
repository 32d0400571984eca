public import Millrace

/// Serves the metrics and the health of routers over HTTP, for Prometheus and for whoever restarts services.
///
/// ```swift
/// let endpoint = HTTPEndpoint(port: 9464, metrics: metrics)
/// let router = Router(.init(plugins: [endpoint])) { MetricsMiddleware(in: metrics) }
/// ```
///
/// | Path       | Answer                                                                                        |
/// | ---------- | --------------------------------------------------------------------------------------------- |
/// | `/metrics` | The metrics in the text format of Prometheus; 404 without a registry.                           |
/// | `/live`    | 200 while no handler was given up, otherwise 503; the health of all routers as JSON.           |
/// | `/ready`   | 200 while all routers run and all handlers are subscribed, otherwise 503; the health as JSON. |
///
/// Several routers may have the same endpoint: it starts with the first and stops with the last. Without a router,
/// ``start()`` and ``stop()`` do that. There is no encryption and no password: it listens to this machine alone unless told
/// otherwise.
public final class HTTPEndpoint: RouterPlugin {
    private struct State {
        var server: HTTPServer?
        var routers: [Router] = []
        var users = 0
    }

    /// The address that it listens at.
    public let host: String
    private let requestedPort: Int
    private let connections: Int
    private let timeout: Duration
    private let metrics: MetricsRegistry?
    private let state = Lock(State())

    /// An endpoint that does not listen yet.
    ///
    /// - Parameters:
    ///   - host: The address or name to listen at. Defaults to 127.0.0.1, which only this machine can reach; `0.0.0.0` is
    ///     every network that the machine is in.
    ///   - port: The port; 0 for any that is free, see ``port``. Defaults to 9464, the custom for metrics. 0 to 65,535.
    ///   - metrics: What `/metrics` shows; nil for nothing.
    ///   - connections: The most connections at once; further ones are closed. Defaults to 64; 1 to 10,000.
    ///   - timeout: After how long without traffic a connection is closed. Defaults to 10 seconds; whole seconds, 1 second to
    ///     1 hour.
    public init(
        host: String = "127.0.0.1", port: Int = 9464, metrics: MetricsRegistry? = nil, connections: Int = 64,
        timeout: Duration = .seconds(10)
    ) {
        self.host = host
        requestedPort = port
        self.metrics = metrics
        self.connections = connections
        self.timeout = timeout
    }

    /// The port that it listens at; before it is started, the one that was asked for.
    public var port: Int { state.withLock { $0.server?.port } ?? requestedPort }

    // MARK: Life

    /// Begins to listen, unless it does already.
    ///
    /// Throws a `MillraceError`: `invalidOption` for options out of their bounds and addresses that can't be found,
    /// `invalidState` when the system refuses, because the port is taken for example.
    public func start() throws { try open(for: nil) }

    /// Stops listening when everyone who has started it has stopped it. Waits until the last answer is on its way.
    public func stop() async { await close(for: nil) }

    /// Begins to listen, and to show the router's health. Throws what ``start()`` throws, which keeps the router from running.
    public func start(_ router: Router) async throws { try open(for: router) }

    /// Stops listening, if this was the last router.
    public func stop(_ router: Router) async { await close(for: router) }

    private func open(for router: Router?) throws {
        try validate()
        try state.withLock { state in
            if state.server == nil {
                state.server = try HTTPServer(
                    host: host, port: requestedPort, connections: connections, timeout: timeout
                ) { [weak self] in self?.answer($0) ?? .notFound }
            }
            state.users += 1
            if let router { state.routers.append(router) }
        }
    }

    private func close(for router: Router?) async {
        let server = state.withLock { state -> HTTPServer? in
            guard state.users > 0 else { return nil }
            state.routers.removeAll { $0 === router }
            state.users -= 1
            guard state.users == 0 else { return nil }
            return state.server.take()
        }
        await server?.stop()
    }

    private func validate() throws {
        func check(_ name: String, _ value: some Sendable, _ isValid: Bool, _ bound: String) throws {
            guard isValid else { throw MillraceError.invalidOption(name, value, bound: bound, of: "HTTPEndpoint") }
        }
        try check("port", requestedPort, (0...65_535).contains(requestedPort), "0 to 65535")
        try check("connections", connections, (1...10_000).contains(connections), "1 to 10000")
        try check("timeout", timeout, timeout >= .seconds(1) && timeout <= .seconds(3_600), "1 second to 1 hour")
    }

    // MARK: Answers

    private func answer(_ path: String) -> HTTPAnswer {
        switch path {
        case "/metrics":
            guard let metrics else { return .notFound }
            return HTTPAnswer(status: 200, type: PrometheusText.contentType, body: PrometheusText.text(of: metrics))
        case "/live":
            let report = report
            return report.answer(isGood: report.isLive)
        case "/ready":
            let report = report
            return report.answer(isGood: report.isReady)
        default: return .notFound
        }
    }

    private var report: HealthReport { HealthReport(routers: state.withLock { $0.routers }.map(\.health)) }
}
