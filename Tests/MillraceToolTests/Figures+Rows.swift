@testable import MillraceTool

// Without Foundation, which has another `Measurement`.
extension Figures {
    /// Latencies are in nanoseconds.
    static func row(
        _ scenario: String, _ size: Int, _ rates: [Double], latency: [Int64] = []
    ) -> BenchReport.Row {
        let latencies = [Measurement.Latency(latency)].compactMap { $0 }
        return BenchReport.Row(
            scenario: scenario, size: size, messages: 1, messagesPerSecond: BenchRow.Spread(rates),
            cpuMicrosecondsPerMessage: nil, brokerCPUMicrosecondsPerMessage: nil, latencyMicroseconds: latencies, peakMiB: 1,
            brokerPeakMiB: nil, complaint: nil, runs: [])
    }
}
