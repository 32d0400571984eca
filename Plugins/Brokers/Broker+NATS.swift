extension Broker {
    /// With JetStream, whose streams are on disk until the broker is stopped.
    static let nats = Broker(
        name: "nats", variable: "MILLRACE_NATS_URL", programs: ["nats-server"], package: "nats-server"
    ) { starting in
        let port = try Loopback.freePorts(1)[0]
        // By default it would listen on all interfaces.
        _ = try starting.run(
            "nats-server",
            ["-a", "127.0.0.1", "-p", "\(port)", "-js", "-sd", starting.path("jetstream"), "-n", "millrace-\(port)"])
        _ = try starting.waitForLog(seconds: 10, "Server is ready")
        return "nats://127.0.0.1:\(port)"
    }
}
