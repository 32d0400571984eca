import Millrace

/// What the server says of a consumer group.
struct RedisGroupInfo: Sendable {
    private(set) var name = ""
    /// How many entries were handed out and not acknowledged.
    private(set) var pending = 0
    /// The last entry that was handed out.
    private(set) var lastDelivered = Position(low: 0)
    /// How many entries have not been handed out; nil when the server does not know, as those before 7.0.
    private(set) var lag: Int?

    /// The groups in a reply to `XINFO GROUPS`.
    static func all(in reply: borrowing RedisReply) -> [RedisGroupInfo] {
        (0..<reply.count).compactMap { index in reply.element(index) { RedisGroupInfo($0) } }
    }

    private init(_ fields: borrowing RedisReply) {
        var index = 0
        while index + 1 < fields.count {
            switch fields.element(index, { $0.text }) {
            case "name": name = fields.element(index + 1) { $0.text } ?? ""
            case "pending": pending = fields.element(index + 1) { $0.integer } ?? 0
            case "last-delivered-id": lastDelivered = fields.element(index + 1) { $0.entryID } ?? Position(low: 0)
            case "lag": lag = fields.element(index + 1) { $0.integer.map { Int(messages: $0) } }
            default: break
            }
            index += 2
        }
    }
}
