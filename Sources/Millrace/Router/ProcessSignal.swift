#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// A signal that asks a process to end.
public struct ProcessSignal: Sendable, Hashable, CustomStringConvertible {
    let number: Int32

    /// `SIGTERM`: how service managers ask.
    public static let terminate = ProcessSignal(number: SIGTERM)
    /// `SIGINT`: Ctrl-C.
    public static let interrupt = ProcessSignal(number: SIGINT)
    /// `SIGQUIT`: Ctrl-\.
    public static let quit = ProcessSignal(number: SIGQUIT)

    /// The signal's name.
    public var description: String {
        switch number {
        case SIGTERM: "SIGTERM"
        case SIGINT: "SIGINT"
        case SIGQUIT: "SIGQUIT"
        default: "signal \(number)"
        }
    }
}
