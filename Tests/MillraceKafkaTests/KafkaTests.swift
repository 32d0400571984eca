import Testing

/// All tests of the Kafka transport.
@Suite(.timeLimit(.minutes(5))) enum KafkaTests {
    /// How long to wait for what has to come: long, since a machine may be slow, and only a failure ever waits so long.
    static let patience = Duration.seconds(60)
}
