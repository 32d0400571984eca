import Millrace

/// What a check works with: transports, names that nobody else uses, readers with time limits.
final class ConformanceRun: Sendable {
    let subject: ConformanceSubject
    /// The transport of checks that need only one.
    let transport: any Transport
    private let opened: Lock<[any Transport]>
    private let used = ConformanceTopics()

    init(_ subject: ConformanceSubject) async throws {
        self.subject = subject
        transport = try await subject.connect()
        opened = Lock([transport])
    }

    var clock: any SchedulingClock { subject.clock }

    /// Another transport on the same broker; the same one where that can't be.
    func connect() async throws -> any Transport {
        guard subject.sharesBroker else { return transport }
        let another = try await subject.connect()
        opened.withLock { $0.append(another) }
        return another
    }

    func close() async {
        for transport in opened.withLock({ $0 }) { await transport.close() }
        await used.remove(from: subject)
    }

    // MARK: Names and messages

    func topic(_ hint: String = "topic") -> String {
        let topic = subject.uniqueName(hint)
        used.note(topic)
        return topic
    }

    func group(_ hint: String = "group") -> String { subject.uniqueName(hint) }

    /// Messages that differ in everything.
    func messages(_ count: Int, _ prefix: String = "message", key: (Int) -> String? = { _ in nil }) -> [Message] {
        (0..<count).map { Message(text: "\(prefix) \($0)", key: key($0), metadata: ["number": "\($0)", "kind": prefix]) }
    }

    // MARK: Read and write

    func subscribe(to topic: String, _ options: SubscriptionOptions, on transport: (any Transport)? = nil) async throws
        -> ConformanceReader
    {
        used.note(topic, group: options.group)
        return ConformanceReader(try await (transport ?? self.transport).subscribe(to: topic, options), in: subject)
    }

    func subscribe(to topic: String, group: String?, on transport: (any Transport)? = nil) async throws
        -> ConformanceReader
    {
        try await subscribe(to: topic, SubscriptionOptions(group: group), on: transport)
    }

    /// Publishes, and fails when that takes too long.
    func publish(_ messages: [Message], to topic: String, on transport: (any Transport)? = nil) async throws {
        let transport = transport ?? self.transport
        try await limited("publishing \(messages.count) messages") { try await transport.publish(messages, to: topic) }
    }

    /// Publishes messages and runs `body`: one after the other if the broker takes them all, otherwise at the same time.
    func publishing<Result>(
        _ messages: [Message], to topic: String, on transport: (any Transport)? = nil, _ body: () async throws -> Result
    ) async throws -> Result {
        guard messages.count > subject.capacity else {
            try await publish(messages, to: topic, on: transport)
            return try await body()
        }
        let transport = transport ?? self.transport
        let publisher = Task { try await transport.publish(messages, to: topic) }
        do {
            let result = try await body()
            try await limited("publishing beside the check") { try await publisher.value }
            return result
        } catch {
            publisher.cancel()
            throw error
        }
    }

    // MARK: Time

    func limited<Success: Sendable>(
        _ purpose: String, _ body: @escaping @Sendable () async throws -> Success
    ) async throws -> Success {
        do {
            return try await withTimeLimit(subject.idleTimeout, purpose, body)
        } catch let error as MillraceError where error.code == .deadlineExceeded && error.message.hasPrefix(purpose) {
            throw ConformanceFailure(error.message)
        }
    }

    /// Moves a manual clock; real time passes by itself.
    func elapse(_ duration: Duration) { subject.manualClock?.advance(by: duration) }

    /// Throws unless a task is still waiting after a short while.
    func expectWaiting<Success: Sendable>(_ task: Task<Success, any Error>, _ purpose: String) async throws {
        let ended = Signal()
        let watch = Task {
            _ = await task.result
            ended.fire()
        }
        defer { watch.cancel() }
        try? await withTimeLimit(subject.quietTime, "quiet") { try await ended.wait() }
        guard ended.hasFired else { return }
        throw ConformanceFailure("\(purpose): expected it to wait, it ended: \(await task.result)")
    }
}
