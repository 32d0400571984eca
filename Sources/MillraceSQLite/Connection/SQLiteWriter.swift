import Millrace

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// The one thread that writes to the file. Everything that has gathered while it was busy goes into its next transaction: the more
/// there is to do, the less each part of it costs.
final class SQLiteWriter: @unchecked Sendable {
    // Safe to share: `state` is used under the mutex, the rest on the thread alone, and what is set before the start is not changed.
    private struct State {
        var waiting: [WriterOperation] = []
        /// When what waits has to be begun, in nanoseconds of the system's clock.
        var deadline = Int64.max
        var isStopped = false
    }

    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let condition: UnsafeMutablePointer<pthread_cond_t>
    private var state = State()
    private let options: SQLiteOptions
    private let pollInterval: Int64
    private lazy var turn = FileTurn.of(options.path)
    private var version: Int64 = 0
    private var nextPoll: Int64 = 0
    private let hasEnded = Signal()
    private let opening = Signal()
    /// Written by the thread before ``opening`` fires, read by others after that.
    private var openingError: (any Error)?

    /// Whether somebody waits for what other connections do. Set before the start.
    var isAnyoneWaiting: @Sendable () -> Bool = { false }
    /// Called when another connection has changed the file. Set before the start.
    var onForeignChange: @Sendable () -> Void = {}

    init(_ options: SQLiteOptions) {
        self.options = options
        pollInterval = options.pollInterval.nanosecondsClamped
        mutex = .allocate(capacity: 1)
        condition = .allocate(capacity: 1)
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(condition, nil)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    /// Starts the thread, which opens the file. Throws a `MillraceError` when that is not possible; then the thread has ended.
    func start() async throws {
        let retained = Unmanaged.passRetained(self)
        #if canImport(Darwin)
        var thread: pthread_t?
        let code = pthread_create(&thread, nil, { SQLiteWriter.enter($0) }, retained.toOpaque())
        if code == 0, let thread { pthread_detach(thread) }
        #else
        var thread = pthread_t()
        let code = pthread_create(&thread, nil, { $0.map { SQLiteWriter.enter($0) } ?? nil }, retained.toOpaque())
        if code == 0 { pthread_detach(thread) }
        #endif
        guard code == 0 else {
            retained.release()
            throw MillraceError(
                .connectionFailed, "can't start a thread: \(String(cString: strerror(code)))", isRetriable: true)
        }
        // Waits for locks, but no longer than the busy time-out.
        await opening.waitUncancellably()
        if let openingError { throw openingError }
    }

    private static func enter(_ writer: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer? {
        let writer = Unmanaged<SQLiteWriter>.fromOpaque(writer).takeRetainedValue()
        do {
            let store = try writer.open()
            writer.opening.fire()
            writer.work(store)
        } catch {
            writer.openingError = error
            writer.opening.fire()
        }
        writer.hasEnded.fire()
        return nil
    }

    private func open() throws -> SQLiteStore {
        do {
            let connection = try SQLiteConnection(options)
            try connection.configure(options)
            try SQLiteSchema.migrate(connection, file: options.path)
            return SQLiteStore(connection)
        } catch let failure as SQLiteFailure {
            throw failure.error
        }
    }

    // MARK: From any thread

    /// Has an operation done, at the latest after a delay, but together with whatever is done before. False when the writer has
    /// been stopped; then nothing of it is called.
    @discardableResult
    func submit(_ operation: WriterOperation, within delay: Duration = .zero) -> Bool {
        let due = delay > .zero ? SystemClock.shared.now.advanced(by: delay).nanoseconds : 0
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        guard !state.isStopped else { return false }
        state.waiting.append(operation)
        if due < state.deadline {
            state.deadline = due
            pthread_cond_signal(condition)
        }
        return true
    }

    /// Does what waits, and ends the thread. Returns when it has ended.
    func stop() async {
        abandon()
        await hasEnded.waitUncancellably()
    }

    /// Does what waits, and ends the thread; does not wait for it.
    func abandon() {
        pthread_mutex_lock(mutex)
        state.isStopped = true
        state.deadline = 0
        pthread_cond_signal(condition)
        pthread_mutex_unlock(mutex)
    }

    // MARK: The thread

    private func work(_ store: SQLiteStore) {
        version = (try? store.foreignVersion()) ?? 0
        while let operations = next() {
            if !operations.isEmpty { run(operations, store) }
            look(store)
        }
    }

    /// Waits for something to do: operations, or nothing when it is time to look what others have done. Nil at the end.
    private func next() -> [WriterOperation]? {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while true {
            let now = SystemClock.shared.now.nanoseconds
            if now >= state.deadline || state.isStopped {
                if state.isStopped, state.waiting.isEmpty { return nil }
                return takeWaiting()
            }
            let poll = isAnyoneWaiting() ? nextPoll : .max
            if now >= poll { return [] }
            wait(until: min(poll, state.deadline), now: now)
        }
    }

    /// Under the mutex.
    private func takeWaiting() -> [WriterOperation] {
        defer { state.waiting = [] }
        state.deadline = .max
        return state.waiting
    }

    private func wait(until time: Int64, now: Int64) {
        guard time < .max else {
            pthread_cond_wait(condition, mutex)
            return
        }
        // The condition lives by the calendar's clock; when that is set, the wait ends early or late by a poll at most, and at once
        // when somebody calls.
        var limit = timespec()
        clock_gettime(CLOCK_REALTIME, &limit)
        let nanoseconds = Int64(limit.tv_nsec) + (time - now)
        limit.tv_sec += time_t(nanoseconds / 1_000_000_000)
        limit.tv_nsec = Int(nanoseconds % 1_000_000_000)
        pthread_cond_timedwait(condition, mutex, &limit)
    }

    private func look(_ store: SQLiteStore) {
        let now = SystemClock.shared.now.nanoseconds
        guard now >= nextPoll, isAnyoneWaiting() else { return }
        nextPoll = now + pollInterval
        guard let version = try? store.foreignVersion(), version != self.version else { return }
        self.version = version
        onForeignChange()
    }

    // MARK: Transactions

    private func run(_ waiting: [WriterOperation], _ store: SQLiteStore) {
        var operations = waiting
        if waiting.allSatisfy(\.isOptional) {
            operations = waiting.filter { operation in
                do {
                    if try operation.hasWork(store) { return true }
                    operation.skipped()
                } catch {
                    operation.failed(Self.error(error))
                }
                return false
            }
            if operations.isEmpty { return }
        }
        turn.take()
        do {
            try store.beginTransaction()
        } catch {
            store.undoTransaction()
            turn.pass()
            for operation in operations { operation.failed(Self.error(error)) }
            return
        }
        // What has come while the lock was waited for goes along.
        pthread_mutex_lock(mutex)
        operations += takeWaiting()
        pthread_mutex_unlock(mutex)
        operations = operations.filter { operation in
            if operation.begin() { return true }
            operation.skipped()
            return false
        }
        do {
            for operation in operations { try operation.run(store) }
            try store.commitTransaction()
        } catch {
            store.undoTransaction()
            turn.pass()
            if operations.count == 1 {
                operations[0].failed(Self.error(error))
            } else {
                for operation in operations { runAlone(operation, store) }
            }
            return
        }
        turn.pass()
        for operation in operations { operation.committed() }
    }

    /// So that an operation that can't be done does no harm to others.
    private func runAlone(_ operation: WriterOperation, _ store: SQLiteStore) {
        turn.take()
        do {
            try store.beginTransaction()
            try operation.run(store)
            try store.commitTransaction()
            turn.pass()
        } catch {
            store.undoTransaction()
            turn.pass()
            return operation.failed(Self.error(error))
        }
        operation.committed()
    }

    private static func error(_ error: any Error) -> MillraceError {
        if let failure = error as? SQLiteFailure { return failure.error }
        return error as? MillraceError
            ?? MillraceError(.connectionFailed, "SQLite", underlying: error, isRetriable: false)
    }
}
