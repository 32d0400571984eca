import Dispatch
import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Lets several parts of a process listen to signals, and restores what was there before them.
///
/// The handler writes the signal's number into a pipe, which is all that a signal handler may do; a dispatch source reads it.
/// (Dispatch's own signal sources are not used: on Linux they change the process's signal handling for good.)
final class SignalCenter: Sendable {
    static let shared = SignalCenter()

    /// A listener, to be given back.
    struct Token: Sendable {
        let number: Int32
        let id: Int
    }

    private struct State {
        var listeners: [Int32: [Int: @Sendable () -> Void]] = [:]
        var previous: [Int32: sigaction] = [:]
        var nextID = 0
        var source: (any DispatchSourceRead)?
    }

    // Safe to share: guarded by the lock.
    private let state = Lock(State())

    /// Calls `action`, on a queue of the center's, whenever the signal arrives.
    func take(_ number: Int32, _ action: @escaping @Sendable () -> Void) throws -> Token {
        try state.withLock { state in
            if state.source == nil { state.source = try openPipe() }
            if state.listeners[number, default: [:]].isEmpty {
                var handler = sigaction()
                #if canImport(Darwin)
                handler.__sigaction_u.__sa_handler = { SignalCenter.write($0) }
                #else
                handler.__sigaction_handler.sa_handler = { SignalCenter.write($0) }
                #endif
                handler.sa_flags = Int32(SA_RESTART)
                var previous = sigaction()
                guard sigaction(number, &handler, &previous) == 0 else { throw Self.refused("signal \(number)") }
                state.previous[number] = previous
            }
            state.nextID += 1
            state.listeners[number, default: [:]][state.nextID] = action
            return Token(number: number, id: state.nextID)
        }
    }

    /// Forgets a listener; the last one of a signal restores its former handling.
    func giveBack(_ token: Token) {
        state.withLock { state in
            state.listeners[token.number]?[token.id] = nil
            guard state.listeners[token.number]?.isEmpty ?? true,
                var previous = state.previous.removeValue(forKey: token.number)
            else { return }
            sigaction(token.number, &previous, nil)
        }
    }

    // MARK: Pipe

    /// Where the signal handler writes; -1 while there is no pipe.
    private static let writeEnd = Atomic<Int32>(-1)

    private static func write(_ number: Int32) {
        let saved = errno
        var byte = UInt8(truncatingIfNeeded: number)
        // A full pipe means that enough signals are on their way.
        _ = writeByte(writeEnd.load(ordering: .relaxed), &byte)
        errno = saved
    }

    private func openPipe() throws -> any DispatchSourceRead {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw Self.refused("a pipe") }
        for end in ends {
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
        }
        let readEnd = ends[0]
        Self.writeEnd.store(ends[1], ordering: .sequentiallyConsistent)
        let source = DispatchSource.makeReadSource(
            fileDescriptor: readEnd, queue: DispatchQueue(label: "millrace.signals"))
        source.setEventHandler { [weak self] in
            var byte: UInt8 = 0
            while read(readEnd, &byte, 1) == 1 { self?.arrived(Int32(byte)) }
        }
        source.activate()
        return source
    }

    private func arrived(_ number: Int32) {
        let actions = state.withLock { Array($0.listeners[number, default: [:]].values) }
        for action in actions { action() }
    }

    private static func refused(_ what: String) -> MillraceError {
        MillraceError(.invalidState, "the system refuses \(what): errno \(errno)", isRetriable: false)
    }
}

/// The system call, out of the shadow of the method of the same name.
private func writeByte(_ descriptor: Int32, _ byte: UnsafePointer<UInt8>) -> Int { write(descriptor, byte, 1) }
