import Foundation

/// The files of the package that the tests read.
enum Repository {
    /// The folder that holds `Package.swift`.
    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// The documents, as paths from the root: README, everything in `Docs`, and the DocC catalogs.
    static let documents: [String] = {
        let catalogs = files(under: "Sources", withExtension: "md").filter { $0.contains(".docc/") }
        return (["README.md"] + files(under: "Docs", withExtension: "md") + catalogs).sorted()
    }()

    /// The sources that are built and that documents may quote. Those of the adapters are built by `Tests/Ecosystem/run`, those of the
    /// folder transport by `.ci/run`.
    static let examples: [SourceText] = ["Sources/Examples", "Tests/Recipes", "Tests/Ecosystem/Tests", "Tests/FolderTransport"]
        .flatMap { files(under: $0, withExtension: "swift") }
        .compactMap { path in (try? text(of: path)).map(SourceText.init) }

    /// The text of a file.
    static func text(of path: String) throws -> String {
        try String(contentsOf: root.appending(path: path), encoding: .utf8)
    }

    /// Whether there is a file or folder at a path.
    static func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: root.appending(path: path).path()) }

    private static func files(under folder: String, withExtension ending: String) -> [String] {
        let base = root.appending(path: folder).path()
        let found = FileManager.default.enumerator(atPath: base)?.compactMap { $0 as? String } ?? []
        return found.filter { $0.hasSuffix("." + ending) }.map { "\(folder)/\($0)" }.sorted()
    }
}
