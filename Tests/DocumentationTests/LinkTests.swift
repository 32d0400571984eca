import Foundation
import Testing

@Suite struct LinkTests {
    /// Links lead to files, and to headings, that exist.
    @Test(arguments: Repository.documents)
    func linksResolve(_ path: String) throws {
        let document = try MarkdownDocument(path)
        for link in document.links {
            let parts = link.target.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false)
            let target = parts[0].isEmpty ? path : Self.resolve(String(parts[0]), from: path)
            guard Repository.exists(target) else {
                Issue.record("\(path):\(link.line): '\(link.target)' leads to no file")
                continue
            }
            guard parts.count == 2, target.hasSuffix(".md") else { continue }
            let anchors = target == path ? document.anchors : try MarkdownDocument(target).anchors
            #expect(
                anchors.contains(String(parts[1])), "\(path):\(link.line): '\(link.target)' leads to no heading of \(target)")
        }
    }

    /// A link's target as a path from the root.
    private static func resolve(_ target: String, from path: String) -> String {
        var parts = path.split(separator: "/").dropLast()
        for part in target.split(separator: "/") where part != "." {
            if part == ".." { _ = parts.popLast() } else { parts.append(part) }
        }
        return parts.joined(separator: "/")
    }
}
