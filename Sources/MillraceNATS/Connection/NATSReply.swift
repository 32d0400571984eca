import Millrace

/// The answer to a request.
struct NATSReply: Sendable {
    /// The server's number for an answer without content; nil otherwise. 503: nobody answers.
    let status: Int?
    let text: String
    let subject: String
    let message: Message?

    init(_ message: NATSMessage, decoding: Bool) {
        let isEmpty = message.data.isEmpty
        status = message.isNoResponders ? 503 : isEmpty ? message.status : nil
        text = message.text
        subject = message.subject.map { String(cString: $0) } ?? ""
        self.message = decoding ? NATSLayout.decode(message, fallbackID: { MessageID.next() }) : nil
    }
}
