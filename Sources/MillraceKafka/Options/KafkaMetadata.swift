/// Metadata keys by which a message says what only Kafka has. They do not travel as headers.
public enum KafkaMetadata {
    /// The number of the partition that a published message goes to, in the place of the one that its key leads to.
    public static let partition = "millrace-kafka-partition"
    /// The record's time, in milliseconds since 1970: of a published message, and of received ones if
    /// ``KafkaOptions/receivesTimestamps`` is set. A published message without it gets the time of its publishing.
    public static let timestamp = "millrace-kafka-timestamp"
    /// `true` for a record without a value, which deletes its key from a compacted topic: on received messages, and on published
    /// ones, whose payload has to be empty.
    public static let tombstone = "millrace-kafka-tombstone"
}
