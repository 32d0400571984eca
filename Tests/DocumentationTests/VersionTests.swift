import Millrace
import Testing

/// The versions that documents and sources state are the same.
@Suite struct VersionTests {
    /// The versions with a heading of their own in the list of changes, newest first.
    private static func released() throws -> [String] {
        try Repository.text(of: "Docs/changelog.md").split(separator: "\n")
            .compactMap { $0.firstMatch(of: /^## \[(\d+\.\d+\.\d+)\]/).map { String($0.1) } }
    }

    @Test("A version that is listed is that of the sources") func listed() throws {
        let text = try Repository.text(of: "Docs/changelog.md")
        #expect(text.contains("\n## [Unreleased]\n"))
        guard let newest = try Self.released().first else {
            #expect(text.contains("The first release will be \(MillraceRelease.version)."))
            return
        }
        #expect(newest == MillraceRelease.version)
    }

    @Test("What is shown for a manifest is that version") func shown() throws {
        let text = try Repository.text(of: "Docs/versions.md")
        #expect(text.contains("/millrace.git\", .upToNextMinor(from: \"\(MillraceRelease.version)\")"))
    }
}
