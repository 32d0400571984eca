import Millrace

/// Something to be done to the file, in one transaction with whatever else waits.
///
/// All methods are called on the writer's thread. An operation may be run more than once until it is committed: when another one
/// in its transaction fails, all are undone, and each is run in a transaction of its own.
class WriterOperation: @unchecked Sendable {
    // Safe to share: subclasses guard what other threads use.

    /// Whether it may turn out that there is nothing to do; then ``hasWork(_:)`` is asked, and without work no lock is taken.
    var isOptional: Bool { false }

    /// Whether there is something to do. Reads, and changes nothing.
    func hasWork(_ store: SQLiteStore) throws -> Bool { true }

    /// Called once, when the lock has been taken. False when it is not to be run, because nobody waits for it any more.
    func begin() -> Bool { true }

    /// Does it.
    func run(_ store: SQLiteStore) throws {}

    /// It was committed.
    func committed() {}

    /// It was not done, and will not be. Also called when it was never begun.
    func failed(_ error: MillraceError) {}

    /// There was nothing to do, or nobody waits for it any more.
    func skipped() {}
}
