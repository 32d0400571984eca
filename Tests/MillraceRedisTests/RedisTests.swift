import Testing

/// All tests of the Redis transport.
@Suite(.timeLimit(.minutes(2))) enum RedisTests {}
