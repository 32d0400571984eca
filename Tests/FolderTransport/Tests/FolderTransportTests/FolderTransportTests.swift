import FolderTransport
import Foundation
import Millrace
import MillraceTesting
import Testing

/// What it declares, it does: the suite that all transports of Millrace pass, each check in a folder of its own. One after the other:
/// leases are short, and on a busy machine members would outlive them.
@Suite(.serialized) struct FolderTransportTests {
    @Test(arguments: ConformanceTest.all) func conforms(_ test: ConformanceTest) async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("folder-\(MessageID.next())")
        defer { try? FileManager.default.removeItem(at: folder) }
        var subject = ConformanceSubject(
            "folder",
            capabilities: [
                .durable, .groups, .ordered, .orderedByKey, .delayedRetry, .attemptCount, .replay, .leases, .deadLetters,
            ]
        ) {
            try FolderTransport(folder, observers: Observers())
        }
        // The real clock, on a machine that may do other things.
        subject.lease = .seconds(3)
        subject.idleTimeout = .seconds(60)
        try await test.run(on: subject)
    }

    @Test func aURLNamesIt() async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("folder-\(MessageID.next())")
        defer { try? FileManager.default.removeItem(at: folder) }
        let broker = try await TransportRegistry(.folder).connect("folder:\(folder.path)", observers: Observers())
        try await broker.publish(Message(text: "order 1"), to: "orders")
        await broker.close()
        #expect(FileManager.default.fileExists(atPath: folder.appendingPathComponent("orders/1.message").path))
    }
}

extension TransportFactory {
    /// `folder:/var/spool/shop`
    static var folder: TransportFactory {
        TransportFactory("folder", schemes: ["folder"], example: "folder:/var/spool/shop") { url, context in
            var url = url
            let folder = URL(fileURLWithPath: url.takePath())
            try url.finish()
            return try FolderTransport(folder, observers: context.observers)
        }
    }
}
