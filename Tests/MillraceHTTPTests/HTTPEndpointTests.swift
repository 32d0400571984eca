import Millrace
import MillraceHTTP
import MillraceMemory
import MillraceTesting
import Testing

#if canImport(Glibc)
import Glibc
#endif

@Suite(.timeLimit(.minutes(1))) struct HTTPEndpointTests {
    private let metrics = MetricsRegistry()

    private func withEndpoint(_ endpoint: HTTPEndpoint, _ body: (HTTPClient) async throws -> Void) async throws {
        try endpoint.start()
        do {
            try await body(HTTPClient(port: endpoint.port))
        } catch {
            await endpoint.stop()
            throw error
        }
        await endpoint.stop()
    }

    @Test("/metrics has the text that Prometheus reads, as it is at the moment")
    func metricsAreServed() async throws {
        let counter = try metrics.counter("calls_total", help: "Calls.")
        let endpoint = HTTPEndpoint(port: 0, metrics: metrics)
        #expect(endpoint.port == 0)
        try await withEndpoint(endpoint) { client in
            #expect(client.port > 0)
            let first = try await client.get("/metrics")
            #expect(first.status == 200)
            #expect(first.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8")
            #expect(first.body.hasSuffix("\ncalls_total 0\n"))
            counter.increment()
            #expect(try await client.get("/metrics?name[]=x").body.hasSuffix("\ncalls_total 1\n"))
        }
    }

    @Test("HEAD has the headers of GET and no body")
    func headHasNoBody() async throws {
        try metrics.counter("calls_total", help: "Calls.").increment()
        try await withEndpoint(HTTPEndpoint(port: 0, metrics: metrics)) { client in
            let full = try await client.get("/metrics")
            let head = try await client.send("HEAD", "/metrics")
            #expect(head.status == 200)
            #expect(head.body.isEmpty)
            #expect(head.headers["content-length"] == "\(full.body.utf8.count)")
        }
    }

    @Test("Other paths are not found, other methods not allowed, bodies not read")
    func othersAreRefused() async throws {
        try await withEndpoint(HTTPEndpoint(port: 0)) { client in
            for path in ["/", "/metrics", "/metrics/", "/live/../ready", "/%00", "//"] {
                #expect(try await client.get(path).status == 404)
            }
            for method in ["POST", "PUT", "DELETE", "OPTIONS", "get", "X"] {
                let answer = try await client.send(method, "/live", body: "x")
                #expect(answer.status == 405)
                #expect(answer.headers["allow"] == "GET, HEAD")
            }
            #expect(try await client.send("GET", "/live", body: "ignored").status == 200)
            #expect(try await client.get("/live").status == 200)
        }
    }

    @Test(
        "What is no HTTP does no harm",
        arguments: ["\r\n\r\n\r\n", "GET\r\n\r\n", "\u{0}\u{1}\u{2}\r\n\r\n", "GET /\u{FF} HTTP/9.9\r\n\r\n", ""])
    func nonsenseIsSurvived(_ request: String) async throws {
        try await withEndpoint(HTTPEndpoint(port: 0, timeout: .seconds(1))) { client in
            _ = try await client.exchange(request)
            #expect(try await client.get("/live").status == 200)
        }
    }

    @Test("A router's endpoint is there while it runs, shows its health, and ends with it")
    func healthIsServed() async throws {
        let broker = MemoryTransport(observers: Observers([]))
        let endpoint = HTTPEndpoint(port: 0, metrics: metrics)
        let router = Router(.init(observers: [], plugins: [endpoint])) { MetricsMiddleware(in: metrics) }
        try router.consume("ledger", from: "invoices", on: broker) { _, _ in }
        try await withRunning(router) {
            let client = HTTPClient(port: endpoint.port)
            let ready = try await client.get("/ready")
            #expect(ready.status == 200)
            #expect(ready.headers["content-type"] == "application/json")
            #expect(ready.body.contains(#""name":"ledger""#))
            #expect(ready.body.contains(#""isReady":true"#))
            #expect(try await client.get("/live").status == 200)
            #expect(try await client.get("/metrics").body.contains(#"millrace_handler="ledger",state="running"} 1"#))
        }
        #expect(throws: (any Error).self) { try HTTPClient(port: endpoint.port).connect() }
    }

    @Test("A handler that waits for its broker is live and not ready; one that was given up is neither")
    func unhealthyHandlersShow() async throws {
        let endpoint = HTTPEndpoint(port: 0)
        let events = RecordingObserver()
        let broker = BrokenSubscriber()
        let router = Router(.init(restart: .constant(.seconds(3_600)), observers: [events], plugins: [endpoint]))
        try router.consume("h", from: "t", on: broker) { _, _ in }
        let run = Task { try await router.run(stoppingOn: []) }
        try await events.event { if case .handlerRestarting = $0.kind { true } else { false } }
        let client = HTTPClient(port: endpoint.port)
        #expect(try await client.get("/live").status == 200)
        let answer = try await client.get("/ready")
        #expect(answer.status == 503)
        let problem = "handler 'h' of topic 't' on BrokenSubscriber is restarting, number 1: "
        #expect(answer.body.contains(#""problems":["the router is starting","\#(problem)"#))
        router.shutdown()
        try await run.value
    }

    @Test("Several routers share an endpoint, which ends with the last")
    func routersShare() async throws {
        let broker = MemoryTransport(observers: Observers([]))
        let endpoint = HTTPEndpoint(port: 0)
        let routers = try (0..<2).map { index in
            let router = Router(.init(observers: [], plugins: [endpoint]))
            try router.consume("h\(index)", from: "t", on: broker) { _, _ in }
            return router
        }
        try await withRunning(routers[0]) {
            let client = HTTPClient(port: endpoint.port)
            try await withRunning(routers[1]) {
                let body = try await client.get("/live").body
                #expect(body.contains("h0") && body.contains("h1"))
            }
            let body = try await client.get("/live").body
            #expect(body.contains("h0") && !body.contains("h1"))
        }
        #expect(throws: (any Error).self) { try HTTPClient(port: endpoint.port).connect() }
    }

    @Test("A port that is taken keeps the router from running, with the reason")
    func takenPortsAreReported() async throws {
        try await withEndpoint(HTTPEndpoint(port: 0)) { client in
            let router = Router(.init(observers: [], plugins: [HTTPEndpoint(port: client.port)]))
            do {
                try await router.run(stoppingOn: [])
                Issue.record("it ran")
            } catch let error as MillraceError {
                #expect(error.code == .invalidState)
                #expect(error.message.contains("port \(client.port): Address already in use"))
                #expect(error.isRetriable)
            }
        }
    }

    @Test("Options out of their bounds are refused")
    func optionsAreChecked() {
        let endpoints: [(HTTPEndpoint, String)] = [
            (HTTPEndpoint(port: -1), "port is -1"), (HTTPEndpoint(port: 65_536), "port is 65536"),
            (HTTPEndpoint(port: 0, connections: 0), "connections is 0"),
            (HTTPEndpoint(port: 0, timeout: .zero), "timeout is 0.0 seconds"),
            (HTTPEndpoint(host: "no such host", port: 0), "host is \"no such host\""),
        ]
        for (endpoint, text) in endpoints {
            do {
                try endpoint.start()
                Issue.record("it listens")
            } catch let error as MillraceError {
                #expect(error.code == .invalidOption)
                #expect(error.message.contains(text), "\(error.message)")
            } catch {
                Issue.record(error)
            }
        }
    }

    @Test("Connections beyond the limit are turned away, and served again when there is room")
    func connectionsAreBounded() async throws {
        try await withEndpoint(HTTPEndpoint(port: 0, connections: 2, timeout: .seconds(60))) { client in
            let idle = [try client.connect(), try client.connect()]
            // The answer comes when one of the others has gone, or the connection is closed without one.
            let refused = try? await withTimeLimit(.milliseconds(300), "an answer") { try await client.get("/live") }
            #expect(refused == nil)
            for descriptor in idle { close(descriptor) }
            var status = 0
            while status != 200 { status = (try? await client.get("/live"))?.status ?? 0 }
        }
    }

    @Test("Stopping does not wait for idle connections, and the endpoint can start again")
    func stopsAndStarts() async throws {
        let endpoint = HTTPEndpoint(port: 0, timeout: .seconds(3_600))
        for _ in 0..<2 {
            try endpoint.start()
            let idle = try HTTPClient(port: endpoint.port).connect()
            #expect(try await HTTPClient(port: endpoint.port).get("/ready").status == 200)
            await endpoint.stop()
            await endpoint.stop()
            close(idle)
        }
    }
}

/// Has no broker.
private struct BrokenSubscriber: Subscriber {
    var capabilities: Capabilities { [.groups] }

    func subscribe(to topic: String, _ options: SubscriptionOptions) async throws -> any Subscription {
        throw MillraceError(.connectionFailed, "no broker", isRetriable: true)
    }
}
