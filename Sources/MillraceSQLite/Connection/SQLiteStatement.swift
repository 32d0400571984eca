internal import CSQLite
import Millrace

/// A statement that is compiled when it is first used, and then used again and again. Belongs to its connection's thread.
final class SQLiteStatement {
    private let database: OpaquePointer
    private let text: String
    private var compiled: OpaquePointer?
    /// The first bind that failed: reported by the step, so that the hot path has one place for errors.
    private var bindCode = SQLITE_OK

    init(_ text: String, on database: OpaquePointer) {
        self.text = text
        self.database = database
    }

    deinit { sqlite3_finalize(compiled) }

    private func statement() throws -> OpaquePointer {
        if let compiled { return compiled }
        var pointer: OpaquePointer?
        let code = sqlite3_prepare_v3(database, text, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &pointer, nil)
        guard code == SQLITE_OK, let pointer else { throw SQLiteFailure(code, of: database) }
        compiled = pointer
        return pointer
    }

    // MARK: Parameters

    func bind(_ index: Int32, _ value: Int64) throws { note(sqlite3_bind_int64(try statement(), index, value)) }

    func bindNull(_ index: Int32) throws { note(sqlite3_bind_null(try statement(), index)) }

    /// Copies the text.
    func bind(_ index: Int32, _ value: String) throws {
        let statement = try statement()
        var value = value
        value.withUTF8 { bytes in
            bytes.withMemoryRebound(to: CChar.self) { characters in
                // SQLite's mark for "make a copy of it" is a function pointer of -1.
                let copy = unsafeBitCast(-1, to: sqlite3_destructor_type.self)
                let base = characters.baseAddress ?? Self.nothing
                note(sqlite3_bind_text64(statement, index, base, UInt64(characters.count), copy, UInt8(SQLITE_UTF8)))
            }
        }
    }

    /// Text in memory that stays as it is until the next reset.
    func bindText(_ index: Int32, _ bytes: UnsafeRawBufferPointer) throws {
        let base = bytes.baseAddress?.assumingMemoryBound(to: CChar.self) ?? Self.nothing
        note(sqlite3_bind_text64(try statement(), index, base, UInt64(bytes.count), nil, UInt8(SQLITE_UTF8)))
    }

    /// Bytes in memory that stays as it is until the next reset.
    func bindBytes(_ index: Int32, _ bytes: UnsafeRawBufferPointer) throws {
        // Without an address SQLite would take it for null.
        let base = bytes.baseAddress ?? UnsafeRawPointer(Self.nothing)
        note(sqlite3_bind_blob64(try statement(), index, base, UInt64(bytes.count), nil))
    }

    private static nonisolated(unsafe) let nothing = {
        // Never written: the address of an empty text.
        let byte = UnsafeMutablePointer<CChar>.allocate(capacity: 1)
        byte.initialize(to: 0)
        return UnsafePointer(byte)
    }()

    private func note(_ code: Int32) { if code != SQLITE_OK, bindCode == SQLITE_OK { bindCode = code } }

    // MARK: Run

    /// Goes to the next row; false at the end. Whoever does not go to the end calls ``reset()``.
    func step() throws -> Bool {
        let statement = try statement()
        if bindCode != SQLITE_OK {
            defer { bindCode = SQLITE_OK }
            throw SQLiteFailure(bindCode, of: database)
        }
        switch sqlite3_step(statement) {
        case SQLITE_ROW: return true
        case SQLITE_DONE:
            sqlite3_reset(statement)
            return false
        case let code:
            let failure = SQLiteFailure(code, of: database)
            sqlite3_reset(statement)
            throw failure
        }
    }

    /// Runs a statement that has no rows, or whose rows do not matter.
    func run() throws { while try step() {} }

    /// Runs the statement and reads its first row; nil when there is none.
    func first<Value>(_ read: (SQLiteStatement) throws -> Value) throws -> Value? {
        defer { reset() }
        return try step() ? try read(self) : nil
    }

    func reset() { sqlite3_reset(compiled) }

    // MARK: Columns

    func integer(_ column: Int32) -> Int64 { sqlite3_column_int64(compiled, column) }
    func isNull(_ column: Int32) -> Bool { sqlite3_column_type(compiled, column) == SQLITE_NULL }
    func isText(_ column: Int32) -> Bool { sqlite3_column_type(compiled, column) == SQLITE_TEXT }

    /// The bytes of a text or a blob, until the next step; empty for null.
    func bytes(_ column: Int32) -> UnsafeRawBufferPointer {
        let base = sqlite3_column_blob(compiled, column)
        return UnsafeRawBufferPointer(start: base, count: base == nil ? 0 : Int(sqlite3_column_bytes(compiled, column)))
    }

    func text(_ column: Int32) -> String { String(decoding: bytes(column), as: UTF8.self) }
}
