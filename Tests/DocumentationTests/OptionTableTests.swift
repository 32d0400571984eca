import MillraceTransportKit
import Testing

@testable import MillraceAMQP
@testable import MillraceKafka
@testable import MillraceMemory
@testable import MillraceNATS
@testable import MillraceRedis
@testable import MillraceSQLite

/// The tables of options in the documents are those of the transports.
@Suite struct OptionTableTests {
    private struct Described: Sendable, CustomTestStringConvertible {
        let document: String
        let markdown: String
        let names: [String]
        let fields: [String]
        var testDescription: String { document }

        init<Options>(_ document: String, _ table: OptionTable<Options>) {
            self.document = document
            markdown = table.markdown
            names = table.options.map(\.name)
            fields = table.options.map(\.field)
        }
    }

    private static let tables = [
        Described("Docs/configuration.md", MemoryOptions.table), Described("Docs/sqlite.md", SQLiteOptions.table),
        Described("Docs/redis.md", RedisOptions.table), Described("Docs/kafka.md", KafkaOptions.table),
        Described("Docs/nats.md", NATSOptions.table), Described("Docs/amqp.md", AMQPOptions.table),
    ]

    /// Where this fails, the document gets what it prints.
    @Test(arguments: tables) private func documentHasTheTable(_ described: Described) throws {
        let lines = try Repository.text(of: described.document).split(separator: "\n", omittingEmptySubsequences: false)
        let found = lines.drop { !$0.hasPrefix("| Option | In code |") }.prefix { $0.hasPrefix("|") }.joined(separator: "\n")
        #expect(found == described.markdown, "\(described.document) should have:\n\(described.markdown)")
    }

    @Test(arguments: tables) private func namesAreUniqueAndFieldsAreKnown(_ described: Described) {
        #expect(Set(described.names).count == described.names.count)
        #expect(Set(described.fields).count == described.fields.count)
        for field in described.fields { #expect(field.allSatisfy { $0.isLetter || $0 == "." }, "\(field)") }
    }
}
