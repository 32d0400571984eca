internal import Millrace

extension Session {
    /// Runs `body` and cancels it when the tool is to end.
    func cancellingWhenInterrupted<Result: Sendable>(
        _ body: @escaping @Sendable () async throws -> Result
    ) async throws -> Result {
        // Owned by this function, which waits for it.
        let work = Task { try await body() }
        let id = interruption.signal.whenFired { work.cancel() }
        defer { interruption.signal.forget(id) }
        return try await work.value
    }
}
