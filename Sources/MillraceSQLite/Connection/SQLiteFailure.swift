internal import CSQLite
import Millrace

/// What SQLite answered instead of a result.
struct SQLiteFailure: Error {
    /// The extended result code.
    let code: Int32
    let text: String
    let file: String

    init(_ code: Int32, _ text: String, file: String) {
        self.code = code
        self.text = text
        self.file = file
    }

    /// The failure of a call on a connection.
    init(_ code: Int32, of database: OpaquePointer?) {
        self.code = code
        let detail = database.flatMap(sqlite3_errmsg) ?? sqlite3_errstr(code)
        text = detail.map { String(cString: $0) } ?? "error \(code)"
        file = database.flatMap { sqlite3_db_filename($0, "main") }.map { String(cString: $0) } ?? ""
    }

    /// The code without its extension.
    var primary: Int32 { code & 0xFF }

    /// Whether somebody else has the lock that was waited for.
    var isBusy: Bool { primary == SQLITE_BUSY || primary == SQLITE_LOCKED }

    /// The same for people and for programs.
    var error: MillraceError {
        let (kind, meaning, isRetriable): (MillraceError.Code, String, Bool) =
            switch primary {
            case SQLITE_BUSY, SQLITE_LOCKED: (.connectionFailed, "is locked by somebody else for longer than busyTimeout", true)
            case SQLITE_FULL: (.overflow, "has no room: its disk is full, or maximumSize is reached", true)
            case SQLITE_READONLY: (.connectionFailed, "can't be written", false)
            case SQLITE_CANTOPEN: (.connectionFailed, "can't be opened, or its folder can't be written", false)
            case SQLITE_CORRUPT: (.connectionFailed, "is damaged", false)
            case SQLITE_NOTADB: (.connectionFailed, "is no SQLite database", false)
            case SQLITE_TOOBIG: (.invalidMessage, "takes no value of more than about 1,000,000,000 bytes", false)
            case SQLITE_IOERR: (.connectionFailed, "can't be read or written", true)
            case SQLITE_NOMEM: (.connectionFailed, "needs more memory than there is", true)
            default: (.connectionFailed, "does not do what it should", false)
            }
        return MillraceError(kind, "SQLite file '\(file)' \(meaning): \(text) (SQLite code \(code))", isRetriable: isRetriable)
    }
}
