import Foundation
import Millrace
import TestSupport

/// A member of a group in a process of its own: the program `group-member`, which is built beside the tests.
struct MemberProcess: Sendable {
    enum Behaviour: String { case hold, handle }

    private let process: ChildProcess

    /// A member of group `g` with a lease of a second, which takes up to `count` messages and writes the text of each.
    init(_ behaviour: Behaviour, count: Int, topic: String, server: RedisServer, log: String) throws {
        let folder = Bundle.main.bundleURL.deletingLastPathComponent()
        let candidates = [folder.appending(path: "group-member"), Bundle.main.bundleURL.appending(path: "group-member")]
        guard let program = candidates.first(where: { FileManager.default.isExecutableFile(atPath: $0.path) }) else {
            throw MillraceError(
                .invalidState, "there is no program 'group-member' in \(candidates.map(\.path))", isRetriable: false)
        }
        process = try ChildProcess([program.path, server.url, topic, behaviour.rawValue, "\(count)"], log: log)
    }

    /// Waits until it has written so many lines, and returns them. Blocks.
    func lines(_ count: Int) throws -> [Substring] {
        var lines: [Substring] = []
        try process.wait(for: "\(count) lines of a member") {
            let text = (try? String(contentsOfFile: process.log, encoding: .utf8)) ?? ""
            // The last one may not be complete.
            lines = Array(text.split(separator: "\n", omittingEmptySubsequences: false).dropLast())
            return lines.count >= count
        }
        return lines
    }

    /// Kills it on the spot.
    func kill9() { process.kill(9) }
}
