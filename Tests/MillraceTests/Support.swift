import Millrace
import MillraceMemory
import Testing

/// A transport that tells nobody anything.
func quietBroker(
    _ options: MemoryOptions = .init(), clock: any SchedulingClock = SystemClock.shared
) throws -> MemoryTransport {
    try MemoryTransport(options, clock: clock, observers: Observers([]))
}

extension RouterOptions {
    /// Nobody listens, and a drain takes a second at most.
    static var quiet: RouterOptions { RouterOptions(drainTimeout: .seconds(1), observers: []) }
}

/// A value that tasks share.
final class Box<Value: Sendable>: Sendable {
    private let lock: Lock<Value>
    init(_ value: Value) { lock = Lock(value) }
    var value: Value { lock.withLock { $0 } }
    func update<Result>(_ body: (inout Value) -> Result) -> Result { lock.withLock { body(&$0) } }
}

extension Box<Int> {
    /// Adds 1 and returns the sum.
    func increment() -> Int {
        update { value in
            value += 1
            return value
        }
    }
}

extension Box<Bool> {
    /// Makes it true and returns what it was.
    func set() -> Bool {
        update { value in
            defer { value = true }
            return value
        }
    }
}

struct Flaky: Error {}
