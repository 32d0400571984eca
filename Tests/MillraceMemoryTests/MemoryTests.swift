import Testing

/// All tests of the memory transport. One after the other, so that those that keep an eye on the clock are not held up.
@Suite(.serialized, .timeLimit(.minutes(2))) enum MemoryTests {}
