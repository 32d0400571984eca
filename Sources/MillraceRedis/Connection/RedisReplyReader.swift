import CHiredis
import Millrace

/// Parses what a connection receives, by hiredis. On the connection's loop alone.
final class RedisReplyReader {
    /// What the server has sent is not Redis' protocol.
    struct Failure: Error {
        let text: String
    }

    private let raw = redisReaderCreate()

    deinit { redisReaderFree(raw) }

    /// Takes bytes.
    func feed(_ bytes: UnsafeRawBufferPointer) throws(Failure) {
        guard redisReaderFeed(raw, bytes.baseAddress, bytes.count) == REDIS_OK else { throw failure }
    }

    /// Gives the next reply to `body`, which it is valid for. False when there is none yet.
    func next(_ body: (borrowing RedisReply) -> Void) throws(Failure) -> Bool {
        var reply: UnsafeMutableRawPointer?
        guard redisReaderGetReply(raw, &reply) == REDIS_OK else { throw failure }
        guard let reply else { return false }
        defer { freeReplyObject(reply) }
        body(RedisReply(reply.assumingMemoryBound(to: redisReply.self)))
        return true
    }

    private var failure: Failure {
        guard let raw else { return Failure(text: "there is no memory left") }
        return Failure(
            text: withUnsafeBytes(of: raw.pointee.errstr) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) })
    }
}
