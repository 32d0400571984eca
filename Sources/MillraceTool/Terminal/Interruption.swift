import Dispatch
internal import Millrace

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Ctrl-C and SIGTERM: the first one asks for an end in good order, a second one ends the process at once.
final class Interruption: Sendable {
    /// Fires when the tool is to end.
    let signal = Signal()
    private let number = Lock<Int32?>(nil)
    private let sources = Lock<[any DispatchSourceSignal]>([])

    /// Nil while nobody has asked for an end.
    var exitCode: Int32? { number.withLock { $0.map { $0 == SIGINT ? ExitCode.interrupted : ExitCode.terminated } } }

    /// Whether the tool is to end.
    var hasCome: Bool { signal.hasFired }

    /// Takes over the signals of the process, for as long as it lives.
    func listen() {
        // Whoever reads the output may go: then the write fails, and what was not written is not acknowledged.
        _ = Self.ignore(SIGPIPE)
        for number in [SIGINT, SIGTERM] {
            Self.ignore(number)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler { [weak self] in self?.take(number) }
            source.activate()
            sources.withLock { $0.append(source) }
        }
    }

    /// As if the signal had come.
    func take(_ number: Int32) {
        let isFirst = self.number.withLock { current -> Bool in
            guard current == nil else { return false }
            current = number
            return true
        }
        guard isFirst else { _exit(number == SIGINT ? ExitCode.interrupted : ExitCode.terminated) }
        signal.fire()
    }

    @discardableResult
    private static func ignore(_ number: Int32) -> Bool {
        var action = sigaction()
        #if canImport(Darwin)
        action.__sigaction_u.__sa_handler = SIG_IGN
        #else
        action.__sigaction_handler.sa_handler = SIG_IGN
        #endif
        return sigaction(number, &action, nil) == 0
    }
}
