import CSQLite
import Millrace

/// A connection as an application has it.
final class RawDatabase {
    let handle: OpaquePointer

    init(_ path: String) throws {
        var handle: OpaquePointer?
        guard sqlite3_open(path, &handle) == SQLITE_OK, let handle else { throw Failure(text: "can't open \(path)") }
        self.handle = handle
        sqlite3_busy_timeout(handle, 10_000)
    }

    deinit { sqlite3_close(handle) }

    struct Failure: Error { let text: String }

    func execute(_ text: String) throws {
        guard sqlite3_exec(handle, text, nil, nil, nil) == SQLITE_OK else { throw failure }
    }

    private var failure: Failure { Failure(text: sqlite3_errmsg(handle).map { String(cString: $0) } ?? "") }

    /// The first column of a statement's rows, as text.
    func texts(_ text: String) throws -> [String] {
        var statement: OpaquePointer?
        guard sqlite3_prepare_v2(handle, text, -1, &statement, nil) == SQLITE_OK else { throw failure }
        defer { sqlite3_finalize(statement) }
        var found: [String] = []
        while true {
            switch sqlite3_step(statement) {
            case SQLITE_ROW: found.append(sqlite3_column_text(statement, 0).map { String(cString: $0) } ?? "NULL")
            case SQLITE_DONE: return found
            default: throw failure
            }
        }
    }

    func number(_ text: String) throws -> Int { try texts(text).first.flatMap { Int($0) } ?? 0 }
}
