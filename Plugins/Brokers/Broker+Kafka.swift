import Foundation

extension Broker {
    /// Debian has no Kafka. `kcat` has the mock cluster of librdkafka, which other processes can use while it runs: it keeps
    /// 5 MiB of a partition, in memory, and knows no transactions and no administration.
    static let kafka = Broker(name: "kafka", variable: "MILLRACE_KAFKA_URL", programs: ["kcat"], package: "kcat") { starting in
        // It ends at the end of its input. A pipe that it holds both ends of has none.
        let pipe = starting.path("input")
        guard mkfifo(pipe, 0o600) == 0 else { throw Failure("there is no pipe at \(pipe): error \(errno)") }
        // SIGTERM only lets it finish reading, which it never does. It has nothing to lose.
        _ = try starting.run(
            "kcat", ["-P", "-b", "mock", "-t", "millrace", "-X", "test.mock.num.brokers=1"], input: pipe, endsOn: SIGKILL)
        let line = try starting.waitForLog(seconds: 10, "Mock cluster enabled")
        // "... original bootstrap.servers and security.protocol ignored and replaced with 127.0.0.1:40123"
        guard let address = line.split(separator: " ").last(where: { $0.hasPrefix("127.0.0.1:") }) else {
            throw Failure("its log names no address: \(line)")
        }
        return "kafka://\(address)"
    }
}
