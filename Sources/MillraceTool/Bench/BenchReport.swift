import Foundation
internal import Millrace

/// All rows as JSON, with what is needed to compare them with those of another day.
struct BenchReport: Codable {
    struct Row: Codable {
        let scenario: String
        let size: Int
        let messages: Int
        let messagesPerSecond: BenchRow.Spread?
        let cpuMicrosecondsPerMessage: BenchRow.Spread?
        let brokerCPUMicrosecondsPerMessage: BenchRow.Spread?
        let latencyMicroseconds: [Measurement.Latency]
        let peakMiB: Double
        let brokerPeakMiB: Double?
        let complaint: String?
        let runs: [Measurement]
    }

    /// What tells these figures from others of the same transport; nil for nothing.
    var label: String?
    /// Without secrets.
    let url: String
    let system: String
    let broker: BrokerInfo?
    /// Whether the tool was compiled with optimization: figures without it are good for nothing but a test.
    let isOptimized: Bool
    let processors: Int
    let tasks: Int
    let batch: Int
    let rate: Int
    var rows: [Row] = []

    mutating func add(_ row: BenchRow) {
        rows.append(
            Row(
                scenario: row.scenario, size: row.size, messages: row.messages, messagesPerSecond: row.rate,
                cpuMicrosecondsPerMessage: row.cpu, brokerCPUMicrosecondsPerMessage: row.brokerCPU,
                latencyMicroseconds: row.runs.compactMap(\.latency), peakMiB: row.peakMiB, brokerPeakMiB: row.brokerPeakMiB,
                complaint: row.complaint, runs: row.runs))
    }

    func json() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(self), as: UTF8.self)
    }

    static var isOptimized: Bool {
        #if DEBUG
        false
        #else
        true
        #endif
    }
}
