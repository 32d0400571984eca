import Millrace
import MillraceSQLite
import TestSupport
import Testing

/// What a URL says.
@Suite struct OptionTests {
    @Test func readsEveryOption() throws {
        let url =
            "sqlite:/a%20b/orders.db?synchronous=normal&create=false&busy-timeout=2s&poll-interval=5ms&care-interval=3s"
            + "&maximum-pending=7&maximum-size=100000&group=g&dead-letters=.dead&maximum-length=10&maximum-age=7d"
            + "&maximum-bytes=70000&delete-acknowledged=true&delete-unacknowledged=1&inbox-age=2h"
        let options = try SQLiteOptions(url: url)
        let expected = SQLiteOptions(
            path: "/a b/orders.db", createsFile: false, synchronous: .normal, busyTimeout: .seconds(2),
            pollInterval: .milliseconds(5), careInterval: .seconds(3), maximumPending: 7, maximumSize: 100_000, group: "g",
            deadLetters: .topicSuffix(".dead"),
            retention: SQLiteRetention(
                maximumLength: 10, maximumAge: .seconds(7 * 24 * 3_600), maximumBytes: 70_000, deletesAcknowledged: true,
                deletesUnacknowledged: true), inboxAge: .seconds(7_200))
        #expect(options == expected)
        #expect(try SQLiteOptions(url: "sqlite:demo.db") == SQLiteOptions(path: "demo.db"))
        #expect(try SQLiteOptions(url: "sqlite:///var/demo.db").path == "/var/demo.db")
        #expect(try SQLiteOptions(url: "sqlite:demo.db?dead-letters=").deadLetters == .drop)
    }

    @Test(arguments: [
        ("sqlite:", "path"), ("sqlite:x.db?synchronous=off", "synchronous"), ("sqlite:x.db?maximum-size=1", "maximum-size"),
        ("sqlite://host/x.db", "host"), ("sqlite:x.db?sync=full", "sync"), ("redis:x.db", "scheme"),
        ("sqlite::memory:", "path"), ("sqlite:x.db?maximum-bytes=5", "maximum-bytes"),
    ])
    func refusesWithANameAndABound(_ url: String, _ name: String) throws {
        let error = #expect(throws: MillraceError.self) { try SQLiteOptions(url: url) }
        #expect(error?.code == .invalidOption)
        #expect(error?.message.contains(name) == true, "\(error?.message ?? "")")
    }

    @Test func connectsByARegistry() async throws {
        let folder = try TemporaryFolder()
        let registry = TransportRegistry(.sqlite)
        let broker = try await registry.connect("sqlite:\(folder.file("x.db"))?synchronous=normal", observers: Observers())
        #expect(broker.system == "sqlite")
        #expect(!broker.capabilities.contains(.flushed))
        await broker.close()
        let flushed = try await registry.connect("sqlite:\(folder.file("x.db"))", observers: Observers())
        #expect(flushed.capabilities.contains(.flushed))
        await flushed.close()
        for option in TransportFactory.sqlite.options { #expect(registry.help.contains(option.name)) }
    }
}
