#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Commands in the form in which Redis reads them, one after the other in a buffer that grows: arrays of bulk strings of RESP.
///
/// What was sent is taken off the front with ``consume(_:)``; the memory is used again. Not safe to share: whoever holds it
/// guards it.
struct RESPWriter: ~Copyable, @unchecked Sendable {
    // Safe to send: it owns its memory alone.
    private var base: UnsafeMutableRawPointer
    private var capacity: Int
    private var head = 0
    private var tail = 0

    /// An empty writer with room for `capacity` bytes, at least 1.
    init(capacity: Int = 4_096) {
        self.capacity = max(1, capacity)
        base = .allocate(byteCount: self.capacity, alignment: 16)
    }

    deinit { base.deallocate() }

    /// How many bytes are there to be sent.
    var count: Int { tail - head }

    var isEmpty: Bool { tail == head }

    /// Calls `body` with what is to be sent. The pointer is valid during the call only.
    borrowing func withUnsafeBytes<Result, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try body(UnsafeRawBufferPointer(start: base + head, count: tail - head))
    }

    /// Takes bytes off the front that were sent; no more than there are.
    mutating func consume(_ sent: Int) {
        head += min(tail - head, max(0, sent))
        if head == tail { (head, tail) = (0, 0) }
    }

    /// Forgets everything, and gives memory back when it is more than `limit` bytes.
    mutating func removeAll(keepingUpTo limit: Int = .max) {
        (head, tail) = (0, 0)
        guard capacity > limit else { return }
        base.deallocate()
        capacity = max(1, limit)
        base = .allocate(byteCount: capacity, alignment: 16)
    }

    /// Makes room for `size` bytes more and returns where they go. ``advance(_:)`` says how many were written.
    @inline(__always)
    mutating func room(_ size: Int) -> UnsafeMutableRawPointer {
        if capacity - tail < size { grow(size) }
        return base + tail
    }

    @inline(__always)
    mutating func advance(_ written: Int) { tail += written }

    @inline(never)
    private mutating func grow(_ size: Int) {
        let used = tail - head
        // Moving the rest to the front pays when that frees at least half.
        if capacity - used >= size, head >= capacity / 2 {
            memmove(base, base + head, used)
        } else {
            capacity = max(capacity * 2, used + size)
            let larger = UnsafeMutableRawPointer.allocate(byteCount: capacity, alignment: 16)
            larger.copyMemory(from: base + head, byteCount: used)
            base.deallocate()
            base = larger
        }
        (head, tail) = (0, used)
    }
}

extension RESPWriter {
    /// Begins a command of so many arguments, its name included. As many bulk strings must follow.
    @inline(__always)
    mutating func command(arguments: Int) { header(0x2A, arguments) }

    /// An argument that is known when the program is compiled.
    @inline(__always)
    mutating func bulk(_ text: StaticString) {
        text.withUTF8Buffer { bulk(UnsafeRawBufferPointer($0)) }
    }

    /// An argument: the UTF-8 form of a text.
    @_disfavoredOverload @inline(__always)
    mutating func bulk(_ text: String) {
        header(0x24, text.utf8.count)
        put(text)
        endLine()
    }

    /// An argument of any bytes.
    @inline(__always)
    mutating func bulk(_ bytes: UnsafeRawBufferPointer) {
        header(0x24, bytes.count)
        put(bytes)
        endLine()
    }

    /// An argument: a number in decimal.
    @inline(__always)
    mutating func bulk(_ number: Int) {
        header(0x24, DecimalText.length(number.magnitude) + (number < 0 ? 1 : 0))
        let start = room(22)
        var end = start
        if number < 0 {
            end.storeBytes(of: 0x2D, as: UInt8.self)
            end += 1
        }
        end += DecimalText.write(number.magnitude, to: end)
        advance(end - start)
        endLine()
    }

    /// An argument: the id of a stream's entry, `milliseconds-sequence`.
    @inline(__always)
    mutating func bulk(id: (UInt64, UInt64)) {
        header(0x24, DecimalText.length(UInt(id.0)) + 1 + DecimalText.length(UInt(id.1)))
        let start = room(43)
        var end = start + DecimalText.write(UInt(id.0), to: start)
        end.storeBytes(of: 0x2D, as: UInt8.self)
        end += 1
        end += DecimalText.write(UInt(id.1), to: end)
        end.storeBytes(of: lineEnd, as: UInt16.self)
        advance(end + 2 - start)
    }

    /// The line before an array (`*`) or a bulk string (`$`).
    @inline(__always)
    mutating func header(_ kind: UInt8, _ count: Int) {
        let start = room(23)
        start.storeBytes(of: kind, as: UInt8.self)
        let end = start + 1 + DecimalText.write(UInt(bitPattern: count), to: start + 1)
        end.storeBytes(of: lineEnd, as: UInt16.self)
        advance(end + 2 - start)
    }

    /// Bytes as they are, without a header: lines that were written out beforehand.
    @inline(__always)
    mutating func put(_ text: StaticString) {
        text.withUTF8Buffer { put(UnsafeRawBufferPointer($0)) }
    }

    @_disfavoredOverload @inline(__always)
    mutating func put(_ text: String) {
        let written: Void? = text.utf8.withContiguousStorageIfAvailable { put(UnsafeRawBufferPointer($0)) }
        guard written == nil else { return }
        // A bridged string of Darwin.
        var copy = text
        copy.withUTF8 { put(UnsafeRawBufferPointer($0)) }
    }

    @inline(__always)
    mutating func put(_ bytes: UnsafeRawBufferPointer) {
        guard let source = bytes.baseAddress else { return }
        room(bytes.count).copyMemory(from: source, byteCount: bytes.count)
        advance(bytes.count)
    }

    @inline(__always)
    mutating func endLine() {
        room(2).storeBytes(of: lineEnd, as: UInt16.self)
        advance(2)
    }
}

/// `\r\n`, as it lies in memory.
private let lineEnd = UInt16(littleEndian: 0x0A0D)
