import Millrace

/// A value that tasks share.
package final class Box<Value: Sendable>: Sendable {
    private let lock: Lock<Value>
    /// The first value.
    package init(_ value: Value) { lock = Lock(value) }
    /// A copy of it.
    package var value: Value { lock.withLock { $0 } }
    /// Changes it.
    package func update<Result>(_ body: (inout Value) -> Result) -> Result { lock.withLock { body(&$0) } }
}

extension Box<Int> {
    /// Adds 1 and returns the sum.
    package func increment() -> Int {
        update { value in
            value += 1
            return value
        }
    }
}

extension Box<Bool> {
    /// Makes it true and returns what it was.
    package func set() -> Bool {
        update { value in
            defer { value = true }
            return value
        }
    }
}
