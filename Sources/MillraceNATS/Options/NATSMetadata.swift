/// Metadata keys by which a message says what only NATS has. They do not travel as headers.
public enum NATSMetadata {
    /// The topic to which the sender of a request waits for the answer, on what comes by core NATS.
    public static let reply = "millrace-nats-reply"
}
