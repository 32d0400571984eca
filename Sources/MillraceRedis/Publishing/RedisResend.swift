import Millrace

/// Finds out which messages a lost connection has delivered all the same, so that they are not sent again.
///
/// The lost connection is ended on the server first: nothing that it still carries counts from then on. Then the streams are
/// looked through, from when the messages were sent, for those that were not answered for: for entries of the same id and with the same
/// in them. What is found out stays known when this connection is lost as well. A server that runs no scripts, or a stream with more
/// than ``maximumEntries`` since, or a great deal under the same ids, leaves it open, and messages may arrive twice.
final class RedisResend: RedisCall, @unchecked Sendable {
    // Safe to share: used on the connection's loop alone.
    /// How far a stream is looked through: a good deal more than a transport has on its way.
    private static let maximumEntries = 50_000
    /// How many bytes of an entry with an id that is looked for cost as much as one entry more: they have to be worked through.
    private static let bytesPerEntry = 1_024
    /// How much earlier than its sending a message may have arrived, by the clocks: they are read to some milliseconds.
    private static let slack: Int64 = 100
    /// How many messages one script looks for; fewer when connections do not last.
    private static let chunk = 1_024

    private struct Question {
        let topic: String
        var since: Int64
        var messages: [(call: PublishCall, index: Int)] = []
    }

    private let lost: [Int]
    private var questions: [Question] = []
    private let done: () -> Void
    private var index = 0

    /// A check of the messages in `backlog` that have been sent and not answered for; nil when there are none. `done` is
    /// called on the loop when it is over, unless the connection is lost meanwhile.
    init?(_ backlog: [RedisCall], after lost: [Int], failures: Int, _ done: @escaping () -> Void) {
        self.lost = lost
        self.done = done
        super.init()
        let chunk = max(16, Self.chunk >> min(failures, 10))
        for case let call as PublishCall in backlog {
            guard let sentAt = call.sentAt else { continue }
            for index in call.unsure { add(call, index, since: max(0, sentAt - Self.slack), chunk: chunk) }
        }
        guard !questions.isEmpty else { return nil }
    }

    private func add(_ call: PublishCall, _ index: Int, since: Int64, chunk: Int) {
        if questions.last?.topic != call.topic || questions.last?.messages.count == chunk {
            questions.append(Question(topic: call.topic, since: since))
        }
        let last = questions.count - 1
        questions[last].since = min(questions[last].since, since)
        questions[last].messages.append((call, index))
    }

    override func encode(into writer: inout RESPWriter) -> Int {
        for clientID in lost { RedisCommands.kill(clientID, into: &writer) }
        for question in questions {
            writer.command(arguments: 7 + 2 * question.messages.count)
            writer.bulk("EVAL")
            writer.bulk(RedisScript.arrived)
            writer.bulk("1")
            writer.bulk(question.topic)
            writer.bulk("\(question.since)-0")
            writer.bulk(Self.maximumEntries)
            writer.bulk(Self.bytesPerEntry)
            for (call, index) in question.messages {
                let (id, digest) = call.identity(at: index)
                writer.bulk(id.description)
                writer.bulk(digest)
            }
        }
        return lost.count + questions.count
    }

    override func reply(_ reply: borrowing RedisReply) {
        if index >= lost.count {
            var found: Set<Int> = []
            for element in 0..<reply.count {
                if let number = reply.element(element, { $0.integer }), number > 0 { found.insert(number - 1) }
            }
            for (number, message) in questions[index - lost.count].messages.enumerated() {
                message.call.found(message.index, hasArrived: found.contains(number))
            }
        }
        index += 1
        if index == lost.count + questions.count { done() }
    }

    /// The next connection asks for the rest.
    override func interrupted(sent: Int) -> Bool { false }
}
