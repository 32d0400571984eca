#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif
import Millrace
import MillraceTesting

/// Runs every task of the process on the main thread, one job at a time, and picks the next one at random.
///
/// The Swift runtime asks a hook where jobs that have no executor of their own are to run. The hook is set for the life of the
/// process, so this has to be a process that does nothing else. What it does not see must not happen in a simulated world:
/// threads, dispatch queues, `Task.yield` and `Task.sleep`.
final class Scheduler: @unchecked Sendable {
    // Safe to share: only the main thread touches it, which `receive` checks.
    static let shared = Scheduler()

    /// Something that can go on.
    private enum Item {
        case job(UnownedJob, task: UInt64)
        case action(() -> Void)
    }

    /// Why a run ended.
    enum Ending { case finished, stopped, stuck, late }

    private let thread = pthread_self()
    private var random = RandomSource(seed: 0)
    private var ready: [(item: Item, world: Int)] = []
    private var worlds: [UInt64: Int] = [:]
    private var dead: Set<Int> = []
    private var lastTask: UInt64 = 0
    private var firstTask: UInt64 = 0
    /// The world whose code runs now.
    private(set) var world = World.outside
    /// How many jobs were picked so far.
    private(set) var steps = 0
    /// Everything that happened, as a number: two runs of a seed have the same one.
    private(set) var fingerprint = Hasher()
    var isTraced = false

    private init() {}

    // MARK: The hook

    private typealias Original = @convention(thin) (UnownedJob) -> Void
    private typealias Hook = @convention(thin) (UnownedJob, Original) -> Void

    /// Takes over all jobs of the process. Returns false when this runtime has no hook.
    func install() -> Bool {
        guard let symbol = dlsym(dlopen(nil, RTLD_LAZY), "swift_task_enqueueGlobal_hook") else { return false }
        symbol.assumingMemoryBound(to: Hook?.self).pointee = { job, _ in Scheduler.shared.receive(job) }
        return true
    }

    private func receive(_ job: UnownedJob) {
        precondition(pthread_equal(pthread_self(), thread) != 0, "a thread that is not simulated has resumed a task")
        let task = taskID(job)
        // Of an earlier run, which has been thrown away.
        guard task >= firstTask else { return }
        lastTask = max(lastTask, task)
        let world = worlds[task] ?? self.world
        worlds[task] = world
        guard !dead.contains(world) else { return }
        ready.append((.job(job, task: task), world))
    }

    /// The runtime's name for code that is bound to no executor. With an executor of our own, each return to such code would be
    /// one more job, and what is tapped would be seen late.
    private static let noExecutor = unsafeBitCast((0, 0), to: UnownedSerialExecutor.self)

    // MARK: Worlds

    /// Starts a task that belongs to a world, as does all that it starts.
    func spawn(in world: Int, _ body: @escaping @Sendable () async -> Void) {
        within(world) { _ = Task.detached { await body() } }
    }

    /// Calls `body` as code of a world; not if that is dead.
    func within(_ world: Int, _ body: () -> Void) {
        guard !dead.contains(world) else { return }
        let previous = self.world
        self.world = world
        body()
        self.world = previous
    }

    /// A world stops where it is: nothing of it runs ever again, not even its clean-up.
    func kill(_ world: Int) {
        dead.insert(world)
        ready.removeAll { $0.world == world }
    }

    /// A point at which anything else may happen.
    func pause() async {
        // Unchecked, because those of a dead world are never resumed.
        await withUnsafeContinuation { (continuation: UnsafeContinuation<Void, Never>) in
            ready.append((.action { continuation.resume() }, world))
        }
    }

    // MARK: Running

    /// Runs `body` and what it starts until it returns, or until `between` returns false, which is asked before each step.
    ///
    /// The clock moves when nothing is ready, and now and then before, as often as `haste` says.
    func run(
        seed: UInt64, clock: ManualClock, until limit: Duration, haste: Double, between: () -> Bool,
        _ body: @escaping @Sendable () async -> Void
    ) -> Ending {
        (ready, worlds, dead, steps, world) = ([], [:], [], 0, World.outside)
        (random, fingerprint, firstTask) = (RandomSource(seed: seed), Hasher(), lastTask + 1)
        let done = Lock(false)
        spawn(in: World.outside) {
            await body()
            done.withLock { $0 = true }
        }
        let end = clock.now.advanced(by: limit)
        while !done.withLock({ $0 }) {
            guard between() else { return .stopped }
            if ready.isEmpty || haste > 0 && random.unit() < haste {
                let hasMoved = clock.advanceToNextTimer()
                if !hasMoved, ready.isEmpty { return .stuck }
                guard clock.now < end else { return .late }
                fingerprint.combine(clock.now)
            } else {
                step()
            }
        }
        return .finished
    }

    private func step() {
        let index = Int(random.next() % UInt64(ready.count))
        fingerprint.combine(index)
        fingerprint.combine(ready.count)
        let (item, world) = ready.remove(at: index)
        steps += 1
        self.world = world
        switch item {
        case .job(let job, let task):
            if isTraced { print("\(steps): task \(task - firstTask) of world \(world), of \(ready.count + 1) ready") }
            job.runSynchronously(on: Self.noExecutor)
        case .action(let action): action()
        }
        self.world = World.outside
    }

    func note(_ occurrence: Occurrence) {
        fingerprint.combine(occurrence)
        if isTraced { print("\(steps): \(occurrence)") }
    }
}

/// The runtime's number of the task of a job: they rise.
@_silgen_name("swift_task_getJobTaskId")
private func taskID(_ job: UnownedJob) -> UInt64
