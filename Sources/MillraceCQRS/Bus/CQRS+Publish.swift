public import Millrace

extension CQRS {
    /// Sends a command and returns when the transport has accepted it.
    ///
    /// In a handler use ``CQRSContext/send(_:key:metadata:)``: what is sent here leaves at once, whatever comes of the handler.
    ///
    /// - Parameters:
    ///   - command: The command.
    ///   - key: What belongs together. Defaults to the command's own key.
    ///   - metadata: Keys and values that travel along.
    /// - Throws: What the codec, the hook and `Publisher.publish` throw. Cancelling the task ends the wait.
    public func send<C: DomainCommand>(_ command: C, key: String? = nil, metadata: Metadata = .init()) async throws {
        let (message, topic) = try await writer.message(for: command, key: key, metadata: metadata)
        try await publisher.publish(message, to: topic)
    }

    /// Publishes an event and returns when the transport has accepted it. For the rest see ``send(_:key:metadata:)``.
    public func publish<E: DomainEvent>(_ event: E, key: String? = nil, metadata: Metadata = .init()) async throws {
        let (message, topic) = try await writer.message(for: event, key: key, metadata: metadata)
        try await publisher.publish(message, to: topic)
    }

    /// Sends a command after a delay, and returns when ``CQRSOptions/delays`` keeps it.
    ///
    /// - Throws: What the codec, the hook and `DelayedPublisher.publish` throw; `invalidState` when there is nothing that could
    ///   keep it. Cancelling the task ends the wait.
    public func send<C: DomainCommand>(
        _ command: C, after delay: Duration, key: String? = nil, metadata: Metadata = .init()
    ) async throws {
        try await publish(command, after: delay, key, metadata)
    }

    /// Publishes an event after a delay. For the rest see ``send(_:after:key:metadata:)``.
    public func publish<E: DomainEvent>(
        _ event: E, after delay: Duration, key: String? = nil, metadata: Metadata = .init()
    ) async throws {
        try await publish(event, after: delay, key, metadata)
    }

    private func publish(
        _ value: some TypedMessage, after delay: Duration, _ key: String?, _ metadata: Metadata
    ) async throws {
        let delays = try delays
        let (message, topic) = try await writer.message(for: value, key: key, metadata: metadata)
        try await delays.publish(message, to: topic, after: delay)
    }

    /// What keeps messages that are to leave later.
    var delays: any DelayedPublisher {
        get throws {
            if let delays = options.delays ?? publisher as? any DelayedPublisher { return delays }
            throw MillraceError(
                .invalidState,
                "CQRS: nothing keeps messages that are to leave later: the publisher, which is \(type(of: publisher)), does not, "
                    + "and CQRSOptions.delays is nil", isRetriable: false)
        }
    }

    /// Sends commands, those of one topic in one call to the transport, in their order.
    ///
    /// - Throws: What the codec and the hook throw, before anything is sent. A `MillraceError` of code `publishFailed` lists by their
    ///   place in the array those that were not accepted; all others were.
    public func send(_ commands: [any DomainCommand], metadata: Metadata = .init()) async throws {
        try await publish(all: commands, metadata)
    }

    /// Publishes events, those of one topic in one call to the transport, in their order. For the rest see ``send(_:metadata:)``.
    public func publish(_ events: [any DomainEvent], metadata: Metadata = .init()) async throws {
        try await publish(all: events, metadata)
    }

    private func publish(all values: [any TypedMessage], _ metadata: Metadata) async throws {
        var batches = TopicBatches()
        for (index, value) in values.enumerated() {
            let (message, topic) = try await writer.message(for: value, metadata: metadata)
            batches.add(message, to: topic, from: index)
        }
        try await batches.publish(on: publisher)
    }
}

/// Messages by topic, with where they come from.
private struct TopicBatches {
    private var batches: [(topic: String, messages: [Message], origins: [Int])] = []
    private var count = 0

    mutating func add(_ message: Message, to topic: String, from origin: Int) {
        count += 1
        let index = batches.firstIndex { $0.topic == topic } ?? batches.endIndex
        if index == batches.endIndex { batches.append((topic, [], [])) }
        batches[index].messages.append(message)
        batches[index].origins.append(origin)
    }

    func publish(on publisher: any Publisher) async throws {
        var failures: [MillraceError.PublishFailure] = []
        for batch in batches {
            do {
                try await publisher.publish(batch.messages, to: batch.topic)
            } catch {
                // A single batch's error says it all.
                guard batches.count > 1 else { throw error }
                let listed = (error as? MillraceError)?.failures ?? []
                failures +=
                    listed.isEmpty
                    ? batch.origins.map { .init(index: $0, error: error) }
                    : listed.filter { batch.origins.indices.contains($0.index) }
                        .map { .init(index: batch.origins[$0.index], error: $0.error) }
            }
        }
        guard failures.isEmpty else {
            let topics = batches.map(\.topic).joined(separator: "', '")
            throw MillraceError.publishFailed(failures.sorted { $0.index < $1.index }, of: count, to: topics)
        }
    }
}
