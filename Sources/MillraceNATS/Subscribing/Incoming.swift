import Millrace

/// A message that JetStream has handed out.
struct Incoming: Sendable {
    let message: Message
    let ack: AckSubject
    /// Where it is acknowledged.
    let reply: String

    var position: Position { Position(low: ack.sequence) }

    /// Takes a message over. Nil, and the message is destroyed, when it is none of JetStream's.
    init?(_ message: NATSMessage, stream: String, isWild: Bool) {
        guard let reply = message.reply, let ack = AckSubject(reply) else {
            message.destroy()
            return nil
        }
        self.ack = ack
        self.reply = String(cString: reply)
        self.message = NATSLayout.take(message, fallbackID: { MessageID("\(stream)-\(ack.sequence)") }) { metadata in
            if isWild { metadata[NATSMetadata.subject] = message.subject.map { String(cString: $0) } }
        }
    }
}
