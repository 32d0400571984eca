/// Metadata keys by which a message says what only NATS has. They do not travel as headers.
public enum NATSMetadata {
    /// The subject that a message was published to, on what comes by a topic with wildcards.
    public static let subject = "millrace-nats-subject"
    /// The topic to which the sender of a request waits for the answer, on what comes by core NATS.
    public static let reply = "millrace-nats-reply"
}
