extension Broker {
    /// One that keeps nothing on disk.
    static let redis = Broker(
        name: "redis", variable: "MILLRACE_REDIS_URL", programs: ["redis-server"], package: "redis-server"
    ) { starting in
        let port = try Loopback.freePorts(1)[0]
        let process = try starting.run(
            "redis-server",
            [
                "--bind", "127.0.0.1", "--port", "\(port)", "--dir", starting.folder.path, "--save", "", "--appendonly", "no",
                "--daemonize", "no",
            ])
        // Another server may answer at that port: the process id tells.
        try starting.wait(seconds: 10, for: "an answer") {
            Loopback.ask("INFO server\r\nQUIT\r\n", port: port)?.contains("process_id:\(process.id)\r\n") == true ? () : nil
        }
        return "redis://127.0.0.1:\(port)"
    }
}
