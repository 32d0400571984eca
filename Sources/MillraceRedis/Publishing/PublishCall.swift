import Millrace
import MillraceTransportKit

/// The messages of one call of `publish` on their way into a stream.
final class PublishCall: RedisCall, @unchecked Sendable {
    private let messages: [Message]
    let topic: String
    private let maximumLength: Int?
    /// How many messages have been answered for. On the loop alone.
    private var answered = 0
    /// The first message that was sent on the connection at hand. On the loop alone.
    private var firstSent = 0
    /// The indices of messages that were on a lost connection and may have arrived. On the loop alone.
    private(set) var unsure = 0..<0
    /// The indices of messages that a lost connection has delivered. On the loop alone.
    private var arrived: Set<Int> = []
    private var failures: [MillraceError.PublishFailure] = []
    private let outcome: PublishOutcome

    init(_ messages: [Message], to topic: String, maximumLength: Int?) {
        self.messages = messages
        self.topic = topic
        self.maximumLength = maximumLength
        outcome = PublishOutcome(of: messages.count, to: topic)
    }

    /// Waits until the server has answered for all messages, or the task is cancelled.
    func wait() async throws { try await outcome.wait() }

    // MARK: On the loop

    override func encode(into writer: inout RESPWriter) -> Int {
        guard !outcome.isKnown else { return 0 }
        var count = 0
        firstSent = answered
        for index in answered..<messages.count where arrived.isEmpty || !arrived.contains(index) {
            encode(messages[index], into: &writer)
            count += 1
        }
        if count == 0 { outcome.end(failures) }
        return count
    }

    @inline(__always)
    private func encode(_ message: borrowing Message, into writer: inout RESPWriter) {
        writer.command(arguments: maximumLength == nil ? 9 : 12)
        writer.bulk("XADD")
        writer.bulk(topic)
        if let maximumLength {
            writer.bulk("MAXLEN")
            writer.bulk("~")
            writer.bulk(maximumLength)
        }
        writer.bulk("*")
        RedisLayout.encode(message, into: &writer)
    }

    override func reply(_ reply: borrowing RedisReply) {
        passArrived()
        if let text = reply.error { failures.append(.init(index: answered, error: RedisError.make(text, topic: topic))) }
        answered += 1
        passArrived()
        if answered == messages.count { outcome.end(failures) }
    }

    private func passArrived() {
        guard !arrived.isEmpty else { return }
        while arrived.contains(answered) { answered += 1 }
    }

    override func failed(_ error: MillraceError) {
        for index in answered..<messages.count where !arrived.contains(index) {
            failures.append(.init(index: index, error: error))
        }
        outcome.end(failures)
    }

    // MARK: After a lost connection

    /// What was not answered for goes out again, unless it is found to have arrived.
    override func interrupted(sent: Int) -> Bool {
        guard !outcome.isKnown else { return false }
        // As far as bytes of a message have left, it may be in the stream. What was answered has left before.
        var scratch = RESPWriter()
        var end = firstSent
        var left = sent
        while left > 0, end < messages.count {
            scratch.removeAll()
            if !arrived.contains(end) { encode(messages[end], into: &scratch) }
            left -= scratch.count
            end += 1
        }
        unsure = answered..<max(answered, end)
        return true
    }

    /// The id of a message that may have arrived, and the digest of its entry.
    func identity(at index: Int) -> (id: MessageID, digest: String) {
        var fields = RESPWriter()
        RedisLayout.encode(messages[index], into: &fields)
        return (messages[index].id, fields.withUnsafeBytes { EntryDigest.text(of: $0) })
    }

    /// A message that may have arrived is found to be in the stream, or not to be there. To be told in the order of indices.
    func found(_ index: Int, hasArrived: Bool) {
        if hasArrived { arrived.insert(index) }
        unsure = index + 1..<max(index + 1, unsure.upperBound)
    }
}
