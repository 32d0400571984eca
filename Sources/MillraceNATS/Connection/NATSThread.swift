import Dispatch

/// Calls of libnats that block, on threads that may.
enum NATSThread {
    static func run(_ body: @escaping @Sendable () -> Void) {
        DispatchQueue.global(qos: .userInitiated).async(execute: body)
    }
}
