import Testing

/// All tests of the AMQP transport.
@Suite(.timeLimit(.minutes(5))) enum AMQPTests {
    /// How long to wait for what has to come: long, since a machine may be slow, and only a failure ever waits so long.
    static let patience = Duration.seconds(60)
}
