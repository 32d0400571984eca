import Millrace

/// What is the same in all commands of a subscription.
struct RedisStream: Sendable {
    let topic: String
    let group: String?
    let consumer: String
    let lease: Duration
    let options: RedisOptions
}

/// A member's name in its group. It ends with the member's lease, for others to know how long to wait for it.
enum RedisConsumer {
    static func name(_ base: String, lease: Duration) -> String { "\(base)~\(milliseconds(lease))" }

    /// The lease in milliseconds that a name states; nil for a name that states none.
    static func lease(of name: String) -> Int? {
        guard let mark = name.lastIndex(of: "~") else { return nil }
        return Int(name[name.index(after: mark)...]).flatMap { $0 > 0 ? $0 : nil }
    }

    static func milliseconds(_ lease: Duration) -> Int { max(1, Int(lease / .milliseconds(1))) }
}
