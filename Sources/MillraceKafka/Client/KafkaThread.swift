import Dispatch
import Millrace

/// Calls of librdkafka that block, on threads that may.
enum KafkaThread {
    static func run(_ body: @escaping @Sendable () -> Void) {
        DispatchQueue.global(qos: .userInitiated).async(execute: body)
    }

    /// Waits for the result without blocking the caller's thread.
    static func call<Success: Sendable>(_ body: @escaping @Sendable () throws -> Success) async throws -> Success {
        try await withCheckedThrowingContinuation { continuation in
            run { continuation.resume(with: Result { try body() }) }
        }
    }
}
