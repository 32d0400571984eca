import CHiredis
import Millrace

/// Commands that go to the server together, and what becomes of their replies. Used on the connection's loop, unless a method
/// says otherwise.
class RedisCall: @unchecked Sendable {
    // Safe to share: a connection takes it over and uses it on its loop; subclasses guard what others touch.

    /// Writes the commands and returns how many replies they get; 0 when nothing is left to be done.
    func encode(into writer: inout RESPWriter) -> Int { 0 }

    /// Takes a reply. It is valid during the call only.
    func reply(_ reply: borrowing RedisReply) {}

    /// The connection was lost before all replies had come, when `sent` of the call's bytes had been handed to the network.
    /// Returns whether to send the call again; if not, it has failed.
    func interrupted(sent: Int) -> Bool { false }

    /// The call has failed and is not used any more.
    func failed(_ error: MillraceError) {}

    /// How long the server may take to answer, beyond the command time-out: for commands that block.
    var patience: Duration { .zero }

    /// When it was given to the connection.
    var startedAt = ClockInstant(nanoseconds: 0)

    /// How many bytes had been written on the connection before those of this call.
    var outputStart = 0

    /// About the server's time, in milliseconds since 1970, when it was sent first; nil when that is not known.
    var sentAt: Int64?
}

/// A reply of the server, as hiredis has parsed it.
struct RedisReply: ~Copyable {
    private let pointer: UnsafeMutablePointer<redisReply>

    init(_ pointer: UnsafeMutablePointer<redisReply>) { self.pointer = pointer }

    /// The error's text; nil for any other reply.
    var error: String? { pointer.pointee.type == REDIS_REPLY_ERROR ? text : nil }
    var isNil: Bool { pointer.pointee.type == REDIS_REPLY_NIL }
    var integer: Int? { pointer.pointee.type == REDIS_REPLY_INTEGER ? Int(pointer.pointee.integer) : nil }

    /// The bytes of a string, a status or an error; empty for other replies.
    var bytes: UnsafeRawBufferPointer {
        switch pointer.pointee.type {
        case REDIS_REPLY_STRING, REDIS_REPLY_STATUS, REDIS_REPLY_ERROR:
            UnsafeRawBufferPointer(start: pointer.pointee.str, count: Int(pointer.pointee.len))
        default: UnsafeRawBufferPointer(start: nil, count: 0)
        }
    }

    var text: String { String(decoding: bytes, as: UTF8.self) }

    /// How many elements an array has; 0 for other replies.
    var count: Int { pointer.pointee.type == REDIS_REPLY_ARRAY ? Int(pointer.pointee.elements) : 0 }

    /// What `body` makes of an element of an array; nil when there is none.
    func element<Result>(_ index: Int, _ body: (borrowing RedisReply) -> Result?) -> Result? {
        guard index < count, let element = pointer.pointee.element[index] else { return nil }
        return body(RedisReply(element))
    }

    /// The bytes of an element; empty when there is none, or it is not a string.
    func bytes(at index: Int) -> UnsafeRawBufferPointer {
        element(index) { $0.bytes } ?? UnsafeRawBufferPointer(start: nil, count: 0)
    }

    /// The entry id that a string holds: milliseconds and sequence.
    var entryID: Position? { Position(entryID: bytes) }
}

extension Position {
    /// The two numbers of an id such as `1526919030474-55`.
    init?(entryID bytes: UnsafeRawBufferPointer) {
        var parts: (UInt64, UInt64) = (0, 0)
        var isSecond = false
        guard !bytes.isEmpty else { return nil }
        for byte in bytes {
            if byte == 0x2D, !isSecond {
                isSecond = true
                continue
            }
            guard byte >= 0x30, byte <= 0x39 else { return nil }
            let digit = UInt64(byte - 0x30)
            if isSecond { parts.1 = parts.1 &* 10 &+ digit } else { parts.0 = parts.0 &* 10 &+ digit }
        }
        self.init(high: parts.0, low: parts.1)
    }
}
