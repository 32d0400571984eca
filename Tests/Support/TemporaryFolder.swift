import Foundation
import Millrace

/// A folder of its own, which goes when nobody holds it any more, or else when the process exits.
package final class TemporaryFolder: Sendable {
    private static let left = Lock<Set<String>>([])
    private static let removal: Void = {
        atexit {
            for path in TemporaryFolder.left.withLock({ $0 }) { try? FileManager.default.removeItem(atPath: path) }
        }
    }()

    package let path: String

    package init() throws {
        Self.removal
        let url = FileManager.default.temporaryDirectory.appendingPathComponent("millrace-\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        let path = url.path
        self.path = path
        Self.left.withLock { _ = $0.insert(path) }
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
        _ = Self.left.withLock { $0.remove(path) }
    }

    package func file(_ name: String) -> String { path + "/" + name }

    package func read(_ name: String) -> String { (try? String(contentsOfFile: file(name), encoding: .utf8)) ?? "" }

    package func write(_ text: String, to name: String) throws {
        try text.write(toFile: file(name), atomically: true, encoding: .utf8)
    }
}
