public import Millrace
import CDispatch

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// A file descriptor that an event loop watches. All its methods are called on the loop's thread.
public protocol EventSource: AnyObject {
    /// What to watch.
    var descriptor: Int32 { get }
    /// Whether to wait for room to write as well as for something to read.
    var wantsWrite: Bool { get }
    /// There is something to read, room to write, or an error that reading or writing will show.
    func ready(toRead: Bool, toWrite: Bool)
}

/// One thread that waits for file descriptors and runs jobs: where a broker's connections live.
///
/// It uses `poll`, which is everywhere, and as fast as any other call for the few connections that a client has.
public final class EventLoop: @unchecked Sendable {
    // Safe to share: `jobs` is guarded by its lock; everything else is used on the loop's thread alone.
    private struct Jobs {
        var waiting: [@Sendable () -> Void] = []
        var isAwake = false
        var isStopped = false
    }

    /// Clients of brokers work on the loop, and some read what producers have nested by calling themselves: librabbitmq's for one needs
    /// up to 4 MiB for a frame. By default it is what `ulimit -s` says, and much less on other systems than Linux.
    private static let stackSize = 8 << 20

    private let jobs = Lock(Jobs())
    private let wakeRead: Int32
    private let wakeWrite: Int32
    private var sources: [any EventSource] = []
    private var descriptors: [pollfd] = []

    /// A loop whose thread runs until ``stop()``. Throws a `MillraceError` of code `connectionFailed` when the system has
    /// no more file descriptors or threads.
    public init(name: String) throws {
        var pair: [Int32] = [-1, -1]
        guard pipe(&pair) == 0 else { throw Self.failure("can't make a pipe") }
        (wakeRead, wakeWrite) = (pair[0], pair[1])
        for descriptor in pair {
            _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
            _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        }
        let retained = Unmanaged.passRetained(Start(loop: self, name: name))
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        defer { pthread_attr_destroy(&attributes) }
        pthread_attr_setstacksize(&attributes, Self.stackSize)
        #if canImport(Darwin)
        var thread: pthread_t?
        let status = pthread_create(&thread, &attributes, { start in EventLoop.enter(start) }, retained.toOpaque())
        if status == 0, let thread { pthread_detach(thread) }
        #else
        var thread = pthread_t()
        let status = pthread_create(
            &thread, &attributes, { start in start.map { EventLoop.enter($0) } ?? nil }, retained.toOpaque())
        if status == 0 { pthread_detach(thread) }
        #endif
        guard status == 0 else {
            retained.release()
            throw Self.failure("can't start a thread")
        }
    }

    deinit {
        close(wakeRead)
        close(wakeWrite)
    }

    private static func failure(_ what: String) -> MillraceError {
        MillraceError(.connectionFailed, "\(what): \(String(cString: strerror(errno)))", isRetriable: true)
    }

    /// Runs `job` on the loop's thread, after those that were given before. Returns false, and drops the job, after ``stop()``.
    @discardableResult
    public func execute(_ job: @escaping @Sendable () -> Void) -> Bool {
        let (isAccepted, mustWake) = jobs.withLock { jobs in
            guard !jobs.isStopped else { return (false, false) }
            jobs.waiting.append(job)
            defer { jobs.isAwake = true }
            return (true, !jobs.isAwake)
        }
        if mustWake { wake() }
        return isAccepted
    }

    /// Runs `job` on the loop's thread after a delay.
    @discardableResult
    public func execute(
        after delay: Duration, clock: any SchedulingClock, _ job: @escaping @Sendable () -> Void
    ) -> ScheduledTimer {
        clock.schedule(after: delay) { [weak self] in self?.execute(job) }
    }

    /// Ends the thread when the jobs given so far have run.
    public func stop() {
        execute { [self] in jobs.withLock { $0.isStopped = true } }
    }

    /// Watches a source from now on. On the loop's thread.
    public func add(_ source: any EventSource) { sources.append(source) }

    /// Watches a source no more. On the loop's thread.
    public func remove(_ source: any EventSource) { sources.removeAll { $0 === source } }

    // MARK: The thread

    private final class Start {
        let loop: EventLoop
        let name: String
        init(loop: EventLoop, name: String) {
            self.loop = loop
            self.name = name
        }
    }

    private static func enter(_ start: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer? {
        let start = Unmanaged<Start>.fromOpaque(start).takeRetainedValue()
        nameThread(start.name)
        start.loop.run()
        return nil
    }

    /// Debuggers and `top` show the name.
    private static func nameThread(_ name: String) {
        #if canImport(Darwin)
        pthread_setname_np(name)
        #else
        // What would set it on Linux is an extension of GNU's, which Swift does not see.
        let file = open("/proc/thread-self/comm", O_WRONLY)
        guard file >= 0 else { return }
        _ = name.withCString { write(file, $0, min(strlen($0), 15)) }
        close(file)
        #endif
    }

    private func wake() {
        var byte: UInt8 = 1
        _ = write(wakeWrite, &byte, 1)
    }

    private func run() {
        while runJobs() {
            descriptors.removeAll(keepingCapacity: true)
            descriptors.append(pollfd(fd: wakeRead, events: Int16(POLLIN), revents: 0))
            for source in sources {
                let events = Int16(POLLIN) | (source.wantsWrite ? Int16(POLLOUT) : 0)
                descriptors.append(pollfd(fd: source.descriptor, events: events, revents: 0))
            }
            let count = poll(&descriptors, nfds_t(descriptors.count), -1)
            guard count > 0 else { continue }
            if descriptors[0].revents != 0 { drainWake() }
            dispatch(sources)
        }
        sources = []
    }

    /// `watched` is what was polled: sources may come and go while it is worked through.
    private func dispatch(_ watched: [any EventSource]) {
        for (index, source) in watched.enumerated() {
            let events = Int32(descriptors[index + 1].revents)
            guard events != 0, source.descriptor == descriptors[index + 1].fd else { continue }
            let failed = events & (POLLERR | POLLHUP | POLLNVAL) != 0
            source.ready(toRead: failed || events & POLLIN != 0, toWrite: failed || events & POLLOUT != 0)
        }
    }

    private func drainWake() {
        var bytes: (UInt64, UInt64) = (0, 0)
        while withUnsafeMutableBytes(of: &bytes, { read(wakeRead, $0.baseAddress, $0.count) }) > 0 {}
    }

    /// Returns false when the loop is to end.
    private func runJobs() -> Bool {
        while true {
            let (waiting, isStopped) = jobs.withLock { jobs -> ([@Sendable () -> Void], Bool) in
                let waiting = jobs.waiting
                jobs.waiting = []
                if waiting.isEmpty { jobs.isAwake = false }
                return (waiting, jobs.isStopped)
            }
            guard !waiting.isEmpty else { return !isStopped }
            for job in waiting { job() }
        }
    }
}
