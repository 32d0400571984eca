import Millrace
import Synchronization

/// The topics of a transport by name, and what they share.
///
/// Topics and registry hold each other; closing breaks the circle, and so does the transport when it is released.
final class TopicRegistry: Sendable {
    private struct State {
        static let firstLimit = 8
        /// The first topics, searched one by one: comparing a few short names is faster than hashing one.
        var first: ContiguousArray<MemoryTopic> = []
        var others: [String: MemoryTopic] = [:]
        var isClosed = false

        @inline(__always)
        func topic(_ name: String) -> MemoryTopic? {
            for index in first.indices where first[index].name == name { return first[index] }
            return others.isEmpty ? nil : others[name]
        }

        mutating func add(_ topic: MemoryTopic) {
            if first.count < Self.firstLimit { first.append(topic) } else { others[topic.name] = topic }
        }
    }

    private struct Slots: @unchecked Sendable {
        // Safe to share: a slot is written once, before `readable` says that it can be read.
        let base = UnsafeMutablePointer<MemoryTopic>.allocate(capacity: State.firstLimit)
    }

    let options: MemoryOptions
    let clock: any SchedulingClock
    private let watching: Lock<Observers>
    let waits = WaitGraph()
    let delayed = DelayedMessages()
    /// How often a reader has stopped fetching.
    let stops = Atomic<Int>(0)
    private let state = Guarded(State())
    /// The first topics once more, for publishers: to be read without a lock and without a reference count. Slots below
    /// `readable` never change until ``forgetTopics()``.
    private let slots = Slots()
    private let readable = Atomic<Int>(0)

    init(options: MemoryOptions, clock: any SchedulingClock, observers: Observers) {
        self.options = options
        self.clock = clock
        watching = Lock(observers)
    }

    /// Who is told what happens. Asked for only when something did.
    var observers: Observers { watching.withLock { $0 } }

    func attach(_ observer: any Observer & AnyObject) { watching.withLock { $0 = $0.adding(observer) } }

    static func closedError() -> MillraceError {
        MillraceError(.closed, "the memory transport is closed", isRetriable: false)
    }

    /// The topic of that name, made if need be.
    func topic(_ name: String) throws -> MemoryTopic {
        try state.locked { state in
            if let topic = state.topic(name) { return topic }
            guard !state.isClosed else { throw Self.closedError() }
            try Naming.checkTopic(name)
            let topic = MemoryTopic(name: name, registry: self)
            state.add(topic)
            makeReadable(topic)
            return topic
        }
    }

    /// Under the lock.
    private func makeReadable(_ topic: MemoryTopic) {
        let count = readable.load(ordering: .relaxed)
        guard count < State.firstLimit else { return }
        (slots.base + count).initialize(to: topic)
        readable.store(count + 1, ordering: .releasing)
    }

    /// Offers a message to a topic if there is one of that name. For the transport's own use: it keeps the topics alive
    /// during the call.
    @inline(__always)
    func offer(_ waiting: inout Message?, to name: String) {
        for index in 0..<readable.load(ordering: .acquiring) {
            let topic = Unmanaged.passUnretained(slots.base[index])
            if topic._withUnsafeGuaranteedRef({ $0.name == name }) {
                return topic._withUnsafeGuaranteedRef { $0.offer(&waiting) }
            }
        }
        existing(name)?.offer(&waiting)
    }

    /// Lets go of the topics that publishers read. Only when nobody can publish any more.
    func forgetTopics() {
        slots.base.deinitialize(count: readable.exchange(0, ordering: .acquiringAndReleasing))
    }

    deinit { slots.base.deallocate() }

    /// A reader has stopped: handlers that wait for room, and are to end, may wait for it in vain.
    func noteStop() {
        stops.add(1, ordering: .sequentiallyConsistent)
        guard !waits.isEmpty else { return }
        for topic in state.locked({ Array($0.first) + $0.others.values }) { topic.wakeBlocked() }
    }

    func all() throws -> [MemoryTopic] {
        try state.locked { state in
            guard !state.isClosed else { throw Self.closedError() }
            return Array(state.first) + state.others.values
        }
    }

    func existing(_ name: String) -> MemoryTopic? { state.locked { $0.topic(name) } }

    func close() {
        delayed.close()
        let topics = state.locked { state -> [MemoryTopic] in
            defer {
                state.first = []
                state.others = [:]
            }
            state.isClosed = true
            return Array(state.first) + state.others.values
        }
        for topic in topics { topic.close() }
    }

    /// Sends a rejected message to the dead letters. Goes beyond their capacity rather than wait.
    func bury(_ entry: MemoryEntry, of topic: MemoryTopic, group: String?, reason: String) {
        guard case .topicSuffix(let suffix) = options.deadLetters else {
            return topic.reportDropped(1, because: "rejected: \(reason)")
        }
        var message = entry.message
        message.metadata[MetadataKey.poisonReason] = reason
        message.metadata[MetadataKey.poisonTopic] = topic.name
        message.metadata[MetadataKey.poisonSubscriber] = "memory"
        message.metadata[MetadataKey.poisonAttempts] = "\(entry.attempt)"
        if let group { message.metadata[MetadataKey.poisonGroup] = group }
        do {
            // The suffix may make the name too long; then the limit of the name decides.
            _ = try self.topic(topic.name + suffix).store([message], from: 0, latch: nil, beyondCapacity: true)
        } catch {
            topic.reportDropped(1, because: "rejected (\(reason)), and its dead-letter topic failed: \(error)")
        }
    }
}
