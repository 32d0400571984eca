internal import CSQLite
import Millrace

/// A connection of the transport's own. Belongs to one thread at a time.
final class SQLiteConnection {
    let handle: OpaquePointer
    private let busy: BusyWait

    /// Opens the file, and makes it unless the options say otherwise. Throws a ``SQLiteFailure``.
    init(_ options: SQLiteOptions, isReader: Bool = false) throws {
        var handle: OpaquePointer?
        let access = isReader ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | (options.createsFile ? SQLITE_OPEN_CREATE : 0)
        let code = sqlite3_open_v2(options.path, &handle, access | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nil)
        guard code == SQLITE_OK, let handle else {
            let text = handle.flatMap(sqlite3_errmsg).map { String(cString: $0) } ?? "error \(code)"
            sqlite3_close_v2(handle)
            throw SQLiteFailure(code, text, file: options.path)
        }
        self.handle = handle
        busy = BusyWait(options.busyTimeout)
        sqlite3_busy_handler(
            handle,
            { context, count in
                guard let context else { return 0 }
                return Unmanaged<BusyWait>.fromOpaque(context).takeUnretainedValue().goOn(count) ? 1 : 0
            }, Unmanaged.passUnretained(busy).toOpaque())
    }

    deinit { sqlite3_close_v2(handle) }

    /// Runs a statement without parameters.
    func execute(_ text: String) throws {
        let code = sqlite3_exec(handle, text, nil, nil, nil)
        guard code == SQLITE_OK else { throw SQLiteFailure(code, of: handle) }
    }

    func statement(_ text: String) -> SQLiteStatement { SQLiteStatement(text, on: handle) }

    /// The number that a statement answers with, a pragma for example.
    func number(_ text: String) throws -> Int64 { try statement(text).first { $0.integer(0) } ?? 0 }

    /// How many rows the last statement has changed.
    var changes: Int { Int(sqlite3_changes(handle)) }

    /// Whether no transaction is open.
    var isIdle: Bool { sqlite3_get_autocommit(handle) != 0 }

    /// Prepares a connection that writes: write-ahead log, flushes, bounds.
    func configure(_ options: SQLiteOptions) throws {
        // Has an effect only on a file that is new, and only before anything else.
        try execute("PRAGMA auto_vacuum = INCREMENTAL")
        try switchToLog(options)
        try execute("PRAGMA synchronous = \(options.synchronous == .full ? "FULL" : "NORMAL")")
        try execute("PRAGMA temp_store = MEMORY")
        try execute("PRAGMA cache_size = -16384")
        // A log that once grew large, because a reader took long, gets small again.
        try execute("PRAGMA journal_size_limit = 67108864")
        if let size = options.maximumSize {
            let pages = max(1, Int64(size) / max(1, try number("PRAGMA page_size")))
            try execute("PRAGMA max_page_count = \(pages)")
        }
    }

    /// The switch needs the file for itself for a moment, and SQLite does not always wait for that by itself.
    private func switchToLog(_ options: SQLiteOptions) throws {
        let wait = BusyWait(options.busyTimeout)
        var count: Int32 = 0
        while true {
            do {
                let mode = try statement("PRAGMA journal_mode = WAL").first { $0.text(0) } ?? ""
                guard mode == "wal" else {
                    throw SQLiteFailure(SQLITE_CANTOPEN, "journal mode is '\(mode)', it must be 'wal'", file: options.path)
                }
                return
            } catch let failure as SQLiteFailure where failure.isBusy && wait.goOn(count) {
                count += 1
            }
        }
    }
}
