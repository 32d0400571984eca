import CSQLite
import Foundation
import Millrace
import MillraceSQLite

// sqlite-loop FILE COUNT SIZE normal|full   inserts the rows of a topic's messages and does nothing else, 100 in each transaction:
//                                           what the SQLite transport is held against

struct LoopError: Error {
    let text: String
}

/// A connection with an insertion that is ready.
final class Loop {
    private let database: OpaquePointer
    private var insert: OpaquePointer?

    init(_ path: String, synchronous: String) throws {
        var handle: OpaquePointer?
        guard sqlite3_open(path, &handle) == SQLITE_OK, let handle else { throw LoopError(text: "can't open \(path)") }
        database = handle
        try execute("PRAGMA journal_mode = WAL")
        try execute("PRAGMA synchronous = \(synchronous)")
        try execute("PRAGMA cache_size = -16384")
        let text = "INSERT INTO millrace_messages (id, at, uuid, key, metadata, payload) VALUES (?1, ?2, ?3, NULL, NULL, ?4)"
        guard sqlite3_prepare_v2(database, text, -1, &insert, nil) == SQLITE_OK else { throw failure }
    }

    deinit {
        sqlite3_finalize(insert)
        sqlite3_close(database)
    }

    private var failure: LoopError { LoopError(text: sqlite3_errmsg(database).map { String(cString: $0) } ?? "") }

    func execute(_ text: String) throws {
        guard sqlite3_exec(database, text, nil, nil, nil) == SQLITE_OK else { throw failure }
    }

    func run(_ count: Int, _ payload: [UInt8]) throws {
        var done = 0
        while done < count {
            try execute("BEGIN IMMEDIATE")
            let end = min(count, done + 100)
            while done < end {
                done += 1
                try row(done, payload)
            }
            try execute("UPDATE millrace_topics SET last = \(done) WHERE id = 1")
            try execute("COMMIT")
        }
    }

    private func row(_ number: Int, _ payload: [UInt8]) throws {
        let id = MessageID.next()
        sqlite3_bind_int64(insert, 1, 1 << 40 | Int64(number))
        sqlite3_bind_int64(insert, 2, SystemClock.shared.unixMilliseconds)
        let code = withUnsafeBytes(of: (id.high.bigEndian, id.low.bigEndian)) { bits in
            sqlite3_bind_blob(insert, 3, bits.baseAddress, 16, nil)
            return payload.withUnsafeBytes { payload in
                sqlite3_bind_blob(insert, 4, payload.baseAddress, Int32(payload.count), nil)
                return sqlite3_step(insert)
            }
        }
        guard code == SQLITE_DONE else { throw failure }
        sqlite3_reset(insert)
    }
}

let arguments = CommandLine.arguments
guard arguments.count == 5, let count = Int(arguments[2]), let size = Int(arguments[3]) else {
    print("usage: sqlite-loop FILE COUNT SIZE normal|full")
    exit(2)
}
// The transport makes the tables.
let transport = try await SQLiteTransport(path: arguments[1])
try await transport.prepare(topic: "loop", group: nil)
await transport.close()
let loop = try Loop(arguments[1], synchronous: arguments[4])
let start = ContinuousClock.now
try loop.run(count, [UInt8](repeating: 7, count: size))
let seconds = (ContinuousClock.now - start) / .seconds(1)
print("\(Int(Double(count) / seconds)) rows a second")
