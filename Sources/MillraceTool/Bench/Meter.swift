internal import Millrace

/// What the measured part of a run took.
struct Measurement: Sendable, Codable {
    let messages: Int
    var seconds: Double
    /// Processor time of this process.
    var cpuSeconds: Double
    /// That of the broker, if its process is known.
    var brokerCPUSeconds: Double?
    /// From publish to receipt, in microseconds, where it is measured.
    var latency: Latency?
    /// What is wrong with what has arrived; nil when nothing is.
    var complaint: String?

    struct Latency: Sendable, Codable {
        let p50: Double
        let p99: Double
        let highest: Double

        /// Of times in nanoseconds; nil when there is none.
        init?(_ nanoseconds: [Int64]) {
            let sorted = nanoseconds.sorted()
            guard let last = sorted.last else { return nil }
            func share(_ share: Double) -> Double { Double(sorted[Int(Double(sorted.count - 1) * share)]) / 1_000 }
            p50 = share(0.5)
            p99 = share(0.99)
            highest = Double(last) / 1_000
        }
    }

    /// Messages a second.
    var rate: Double { Double(messages) / max(seconds, 1e-9) }
}

/// Measures a part of a run: what comes before and after it does not count.
struct Meter: Sendable {
    let brokerProcess: Int?

    func measure(_ messages: Int, _ body: () async throws -> Void) async throws -> Measurement {
        let clock = ContinuousClock()
        let broker = brokerProcess.flatMap(ProcessUsage.seconds)
        let cpu = ProcessUsage.ownSeconds
        let start = clock.now
        try await body()
        let seconds = start.duration(to: clock.now) / .seconds(1)
        var measurement = Measurement(messages: messages, seconds: seconds, cpuSeconds: ProcessUsage.ownSeconds - cpu)
        if let broker, let now = brokerProcess.flatMap(ProcessUsage.seconds) { measurement.brokerCPUSeconds = now - broker }
        return measurement
    }
}
