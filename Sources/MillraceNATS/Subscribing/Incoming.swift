import Millrace

/// A message that JetStream has handed out.
struct Incoming: Sendable {
    let message: Message
    let ack: AckSubject
    /// Where it is acknowledged.
    let reply: String

    var position: Position { Position(low: ack.sequence) }

    /// Takes a message over. Nil when it is none of JetStream's.
    init?(_ message: NATSMessage, stream: String, isWild: Bool, _ spent: inout SpentMessages) {
        guard let reply = message.reply, let ack = AckSubject(reply) else {
            spent.add(message)
            return nil
        }
        self.ack = ack
        self.reply = String(cString: reply)
        self.message = NATSLayout.take(message, fallbackID: { MessageID("\(stream)-\(ack.sequence)") }, &spent) { metadata in
            if isWild { metadata[MetadataKey.topic] = message.subject.map { String(cString: $0) } }
        }
    }
}
