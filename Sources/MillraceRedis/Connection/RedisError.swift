import Millrace

/// What the server's errors mean.
enum RedisError {
    /// The error for a reply that begins with a code in capitals, as all of the server's errors do.
    static func make(_ text: String, topic: String) -> MillraceError {
        let code = text.prefix { $0 != " " }
        switch code {
        case "WRONGTYPE":
            return MillraceError(
                .invalidTopic, "topic '\(topic)': the key of that name holds something that is not a stream",
                isRetriable: false)
        case "NOPERM", "NOAUTH", "WRONGPASS":
            return MillraceError(.connectionFailed, "topic '\(topic)': \(text)", isRetriable: false)
        case "MOVED", "ASK", "CROSSSLOT":
            return MillraceError(
                .unsupported, "topic '\(topic)': the server is part of a Redis Cluster, which is not supported: \(text)",
                isRetriable: false)
        default:
            return MillraceError(.connectionFailed, "topic '\(topic)': the server says: \(text)", isRetriable: true)
        }
    }
}
