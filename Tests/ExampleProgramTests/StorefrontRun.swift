import Foundation
import TestSupport

/// The program `storefront` with topics and a file of its own, started as often as it takes.
final class StorefrontRun: Sendable {
    private let folder: TemporaryFolder
    private let arguments: [String]

    init(_ broker: Broker) async throws {
        folder = try TemporaryFolder()
        arguments = [
            "--url", try await broker.url(folder), "--data", folder.file("shop.db"),
            "--prefix", "shop-\(UUID().uuidString.prefix(8).lowercased()).",
        ]
    }

    /// What all starts together have written.
    var log: String { folder.read("log") }

    private func start() throws -> ChildProcess {
        // Thread sanitizer does not see the standard library's `Mutex`, which the example uses, and reports what it guards.
        try ChildProcess(
            program: "storefront", arguments, environment: ["TSAN_OPTIONS": "exitcode=0"], log: folder.file("log"))
    }

    /// Starts it, and kills it when so many orders have come to their end, counting those of earlier starts.
    func kill(afterOrders count: Int) async throws {
        let process = try start()
        try await BlockingCall.run { [self] in
            try process.wait(for: "\(count) orders", seconds: 60) { endedOrders.count >= count || !process.isRunning }
            guard process.isRunning else { throw Ended() }
            process.kill(9)
        }
    }

    /// It has come to its end before it could be killed.
    struct Ended: Error {}

    private var endedOrders: Set<Substring> {
        Set(log.split(separator: "\n").compactMap { $0.firstMatch(of: /handler=order-list .* (order=\d+)/)?.1 })
    }

    /// Starts it, waits for its end, and returns what it has printed besides its log.
    func report() async throws -> String {
        let process = try start()
        let before = process.lines.count
        let status = try await BlockingCall.run { process.end() }
        let lines = process.lines.dropFirst(before).filter { $0.firstMatch(of: /^\d{4}-\d\d-\d\dT/) == nil }
        return ((status == 0 ? [] : ["ended with status \(status)"]) + lines).joined(separator: "\n")
    }
}
