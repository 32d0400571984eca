import Dispatch
import Millrace

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Whose turn it is among the writers of this process that share a file: first come, first served.
///
/// SQLite's lock has no order; of many who want it some would wait for long, and all would keep trying. So a process has only one
/// writer at a time that contends with those of other processes.
final class FileTurn: Sendable {
    private struct Identity: Hashable {
        let device: UInt64
        let number: UInt64
    }

    private struct Entry {
        weak var turn: FileTurn?
    }

    private struct State {
        var isTaken = false
        /// Those who wait, each by something of its own, so that one alone wakes up. The first `gone` have had their turn.
        var waiting: [DispatchSemaphore] = []
        var gone = 0
    }

    private static let turns = Lock<[Identity: Entry]>([:])
    private let state = Lock(State())

    private init() {}

    /// That of a file, by whatever path. A file that can't be looked at has one of its own.
    static func of(_ path: String) -> FileTurn {
        var status = stat()
        guard stat(path, &status) == 0 else { return FileTurn() }
        let identity = Identity(
            device: UInt64(truncatingIfNeeded: status.st_dev), number: UInt64(truncatingIfNeeded: status.st_ino))
        return turns.withLock { turns in
            if let turn = turns[identity]?.turn { return turn }
            let turn = FileTurn()
            turns = turns.filter { $0.value.turn != nil }
            turns[identity] = Entry(turn: turn)
            return turn
        }
    }

    /// Waits, with its thread.
    func take() {
        let semaphore = state.withLock { state -> DispatchSemaphore? in
            guard state.isTaken else {
                state.isTaken = true
                return nil
            }
            let semaphore = DispatchSemaphore(value: 0)
            state.waiting.append(semaphore)
            return semaphore
        }
        semaphore?.wait()
    }

    func pass() {
        let next = state.withLock { state -> DispatchSemaphore? in
            guard state.gone < state.waiting.count else {
                state = State()
                return nil
            }
            state.gone += 1
            let next = state.waiting[state.gone - 1]
            if state.gone == state.waiting.count { (state.waiting, state.gone) = ([], 0) }
            return next
        }
        next?.signal()
    }
}
