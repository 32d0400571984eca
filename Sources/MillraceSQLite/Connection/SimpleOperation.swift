import Millrace

/// An operation that somebody waits for, or nobody.
final class SimpleOperation<Value: Sendable>: WriterOperation, @unchecked Sendable {
    // Safe to share: everything is used on the writer's thread alone.
    private let body: (SQLiteStore) throws -> Value
    private let done: @Sendable (Result<Value, MillraceError>) -> Void
    private var value: Value?

    init(
        _ body: @escaping @Sendable (SQLiteStore) throws -> Value,
        done: @escaping @Sendable (Result<Value, MillraceError>) -> Void = { _ in }
    ) {
        self.body = body
        self.done = done
    }

    override func run(_ store: SQLiteStore) throws { value = try body(store) }
    override func committed() { if let value { done(.success(value)) } }
    override func failed(_ error: MillraceError) { done(.failure(error)) }
}
