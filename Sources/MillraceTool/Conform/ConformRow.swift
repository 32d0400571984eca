import Foundation
internal import Millrace
internal import MillraceTesting

/// What came of one check.
struct ConformRow: Sendable, Codable {
    enum Outcome: String, Sendable, Codable {
        case passed
        case skipped
        case failed
    }

    /// The name of the check.
    let check: String
    let outcome: Outcome
    let seconds: Double
    /// Why it was skipped, or what went wrong; nil for a check that passed.
    let reason: String?

    /// Runs a check.
    static func of(_ test: ConformanceTest, on subject: ConformanceSubject) async -> ConformRow {
        let start = SystemClock.shared.now
        let (outcome, reason) = await result(of: test, on: subject)
        let seconds = start.duration(to: SystemClock.shared.now) / .seconds(1)
        return ConformRow(check: test.name, outcome: outcome, seconds: (seconds * 1_000).rounded() / 1_000, reason: reason)
    }

    private static func result(
        of test: ConformanceTest, on subject: ConformanceSubject
    ) async -> (outcome: Outcome, reason: String?) {
        do {
            switch try await test.run(on: subject) {
            case .passed: return (.passed, nil)
            case .skipped(let reason): return (.skipped, reason)
            }
        } catch {
            return (.failed, (error as? ConformanceFailure)?.message ?? "\(error)")
        }
    }

    /// As an object in a line.
    func json() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(self), as: UTF8.self)
    }
}
