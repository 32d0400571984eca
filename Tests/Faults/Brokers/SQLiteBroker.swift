import Millrace
import MillraceTesting
import TestSupport

/// A file that all processes share: there is no broker, and no network.
final class SQLiteBroker: Broker {
    private let folder: TemporaryFolder
    let proxy: TCPProxy? = nil
    let url: String
    let scope = Oracle.OrderScope.group
    let takeover = cellLease + .seconds(1)
    /// That of the file, when it is stopped in the midst of a transaction.
    let sharesLock = true

    init() throws {
        folder = try TemporaryFolder()
        url = "sqlite:\(folder.file("faults.db"))?care-interval=500ms"
    }

    func obstacle(to fault: FaultKind) -> String? {
        switch fault {
        case .brokerRestart, .brokerKill, .cut, .halfOpen, .latency: "there is no broker and no connection, only a file"
        default: nil
        }
    }

    func restart() async throws { throw FaultSuiteError("a file can't be restarted") }

    func crash() async throws { throw FaultSuiteError("a file can't be killed") }

    func publishForeign(_ count: Int, to topic: String) async throws {
        // Metadata that is no JSON, an id that is none, a payload of nothing, one that is not UTF-8.
        let script = """
            import sqlite3, sys
            file, name, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
            shapes = [('one', None, 'no json', b'x'), ('', 'k', '[1]', b''), (b'12', None, None, b'\\xff\\xfe'), ('x', '', '{"a":1}', 'text')]
            database = sqlite3.connect(file, timeout=30, isolation_level=None)
            for number in range(count):
                database.execute('BEGIN IMMEDIATE')
                topic, last = database.execute('SELECT id, last FROM millrace_topics WHERE name = ?', (name,)).fetchone()
                row = (topic << 40 | last + 1,) + shapes[number % len(shapes)]
                database.execute('INSERT INTO millrace_messages (id, at, uuid, key, metadata, payload) VALUES (?, 0, ?, ?, ?, ?)', row)
                database.execute('UPDATE millrace_topics SET last = last + 1 WHERE id = ?', (topic,))
                database.execute('COMMIT')
            """
        try await ForeignClient.python(script, [folder.file("faults.db"), topic, "\(count)"], in: folder)
    }
}
