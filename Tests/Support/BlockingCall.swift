import Dispatch

/// Work that blocks its thread: waiting for a process, for example. The threads that tests run on are as few as the machine's
/// cores, and all tests stand still while they are blocked.
package enum BlockingCall {
    package static func run<Output: Sendable>(_ body: @escaping @Sendable () throws -> Output) async throws -> Output {
        try await withCheckedThrowingContinuation { continuation in
            DispatchQueue.global().async { continuation.resume(with: Result { try body() }) }
        }
    }
}
