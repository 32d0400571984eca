import Foundation
import MillraceMemory
import Testing

@testable import Millrace

/// What `Docs/configuration.md` says is so.
@Suite("Documented configuration") struct DocumentedConfigurationTests {
    private let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    private func text(_ path: String) throws -> String { try String(contentsOf: root.appending(path: path), encoding: .utf8) }

    @Test("Files that the document shows can be read") func files() throws {
        let path = "Docs/configuration.md"
        let blocks = try text(path).components(separatedBy: "```json\n").dropFirst().map {
            $0.components(separatedBy: "```")[0]
        }
        #expect(!blocks.isEmpty)
        for block in blocks {
            let configuration = try Configuration(json: block, source: path, environment: [:])
            #expect(configuration.transportNames.contains("main"))
        }
    }

    @Test("All keys of a handler, of the defaults and of the router are described")
    func keys() throws {
        let document = try text("Docs/configuration.md")
        for json in [#"{"handlers": {"a": {"?": 1}}}"#, #"{"defaults": {"?": 1}}"#, #"{"router": {"?": 1}}"#] {
            let error = #expect(throws: MillraceError.self) { _ = try Configuration(json: json, environment: [:]) }
            let known = error?.message.components(separatedBy: "Known: ").last?.components(separatedBy: ", ") ?? []
            #expect(known.count >= 3)
            for key in known { #expect(document.contains("| `\(key)`") || document.contains("`\(key)` for"), "\(key)") }
        }
    }

    @Test("All parameters of middleware are described, in the row of its name")
    func middleware() throws {
        let broker = MemoryTransport()
        let all: [any ConfigurableMiddleware] = [
            Retry(), Throttle(1, per: .seconds(1)), RateLimit(1, per: .seconds(1)) { $0.key }, ConcurrencyLimit(1),
            Timeout(.seconds(1)), CircuitBreaker(), DelayOnError(), Deduplicate(), PoisonQueue("p", on: broker),
            LoggingMiddleware(),
            RandomFail(),
        ]
        let rows = try text("Docs/configuration.md").split(separator: "\n")
        for var layer in all {
            let name = type(of: layer).configurationName
            let row = try #require(rows.first { $0.hasPrefix("| `\(name)`") }, "\(name)")
            var section = try ConfigurationSection(
                ConfigurationNode(.object([("?", ConfigurationNode(.null))])), at: ConfigurationPlace(source: "f"))
            try layer.configure(&section)
            let error = #expect(throws: MillraceError.self) { try section.finish() }
            let known = error?.message.components(separatedBy: "Known: ").last?.components(separatedBy: ", ") ?? []
            for key in known { #expect(row.contains("`\(key)`"), "\(name).\(key)") }
            let described = row.matches(of: /`([a-z-]+)`/).map { String($0.1) }
            #expect(Set(known).isSubset(of: described), "\(name)")
        }
    }

    @Test("All options of a memory URL are described") func memoryOptions() throws {
        let document = try text("Docs/configuration.md")
        for option in TransportFactory.memory.options { #expect(document.contains("| `\(option.name)`"), "\(option.name)") }
    }
}
