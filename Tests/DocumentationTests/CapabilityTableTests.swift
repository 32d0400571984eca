import Testing

@testable import Millrace
@testable import MillraceAMQP
@testable import MillraceKafka
@testable import MillraceMemory
@testable import MillraceNATS
@testable import MillraceRedis
@testable import MillraceSQLite

/// The tables of Docs/transports.md say of each transport what it says of itself.
@Suite struct CapabilityTableTests {
    private static let document = "Docs/transports.md"
    /// The columns of the table, and a URL with which each transport has its defaults.
    private static let columns = [
        ("Memory", "memory:"), ("SQLite", "sqlite:a.db"), ("Redis", "redis://a"), ("Kafka", "kafka://a"), ("NATS", "nats://a"),
        ("Core NATS", "nats://a?mode=core"), ("RabbitMQ", "amqp://a"),
    ]

    /// What a transport of a URL can do, without connecting it.
    private static func capabilities(_ text: String) throws -> Capabilities {
        let url = try TransportURL(text, environment: [:])
        return switch url.scheme {
        case "memory": try MemoryOptions(url: url).capabilities
        case "sqlite": try SQLiteOptions(url: url).capabilities
        case "redis": try RedisOptions(url: url).capabilities
        case "kafka": try KafkaOptions(url: url).capabilities
        case "nats": try NATSOptions(url: url).capabilities
        case "amqp": try AMQPOptions(url: url).capabilities
        default: throw UnknownScheme(name: url.scheme)
        }
    }

    @Test func eachCellIsTrue() throws {
        let rows = try Self.table("Capability")
        try #require(rows.first == ["Capability"] + Self.columns.map(\.0) + ["Means"])
        #expect(rows.dropFirst().map { $0[0] } == Capabilities.names.map { "`\($0.1)`" })
        for (number, column) in Self.columns.enumerated() {
            let known = try Self.capabilities(column.1)
            for (row, name) in zip(rows.dropFirst(), Capabilities.names) {
                #expect(row[number + 1] == (known.contains(name.0) ? "yes" : "no"), "\(name.1) of \(column.0)")
            }
        }
    }

    /// Each row is a URL, what its options add to the defaults of its transport, and what they take away.
    @Test func optionsDoWhatTheTableSays() throws {
        let rows = try Self.table("With")
        #expect(rows.count > 10)
        for row in rows.dropFirst() {
            let url = row[0].filter { $0 != "`" }
            let usual = try Self.capabilities(Self.usual(url))
            let known = try Self.capabilities(url)
            #expect(row[1] == Self.cell(known.subtracting(usual)), "added by \(url)")
            #expect(row[2] == Self.cell(usual.subtracting(known)), "taken away by \(url)")
        }
    }

    private static func usual(_ url: String) -> String {
        columns.first { $0.1.prefix { $0 != ":" } == url.prefix { $0 != ":" } }?.1 ?? url
    }

    private static func cell(_ capabilities: Capabilities) -> String {
        Capabilities.names.filter { capabilities.contains($0.0) }.map { "`\($0.1)`" }.joined(separator: ", ")
    }

    /// The cells of the table whose first cell says this: the head, and the rows without the line below it.
    private static func table(_ first: String) throws -> [[String]] {
        let lines = try Repository.text(of: document).split(separator: "\n", omittingEmptySubsequences: false)
        let rows = lines.drop { !$0.hasPrefix("| \(first) ") }.prefix { $0.hasPrefix("|") }
        return rows.filter { !$0.hasPrefix("| ---") }.map { row in
            row.split(separator: "|", omittingEmptySubsequences: false).dropFirst().dropLast().map { cell in
                String(cell.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
            }
        }
    }

    private struct UnknownScheme: Error {
        let name: String
    }
}
