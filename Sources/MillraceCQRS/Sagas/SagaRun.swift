import Millrace

/// What a saga does with the messages of a topic.
struct SagaRun<State: Codable & Sendable>: Sendable {
    /// What there is for one type of message.
    private struct Slot {
        let type: any TypedMessage.Type
        let reader: AnyReader
        var start: SagaStep<State>?
        var proceed: SagaStep<State>?

        var correlate: (@Sendable (any TypedMessage) -> String?)? { (start ?? proceed)?.correlate }
    }

    private let name: String
    private let cqrs: CQRS
    private let sagas: SagaRepository<State>
    private let options: SagaOptions
    private var slots: [Slot] = []
    private var places: [String: Int] = [:]

    init(_ name: String, _ steps: [SagaStep<State>], _ cqrs: CQRS, _ sagas: SagaRepository<State>, _ options: SagaOptions) {
        self.name = name
        self.cqrs = cqrs
        self.sagas = sagas
        self.options = options
        for step in steps {
            let index = slots.firstIndex { $0.type == step.type } ?? slots.count
            if index == slots.count {
                slots.append(Slot(type: step.type, reader: step.reader(cqrs.options.codecs)))
                for name in [step.type.messageName] + step.type.formerNames { places[name] = index }
            }
            switch step.kind {
            case .start: slots[index].start = step
            case .proceed: slots[index].proceed = step
            }
        }
    }

    var types: [any TypedMessage.Type] { slots.map(\.type) }

    func validate() throws { for slot in slots { try slot.reader.check() } }

    func handle(_ message: Message, _ context: HandlerContext) async throws -> Outputs {
        let messageName = message.metadata[MetadataKey.messageName]
        guard let messageName, let place = places[messageName] else {
            let wanted = places.keys.sorted().map { "'\($0)'" }.joined(separator: ", ")
            try await cqrs.passOver(message, messageName, context, wanted: wanted)
            return Outputs()
        }
        guard let value = try await cqrs.read(message, context, with: slots[place].reader) else { return Outputs() }
        let key = try key(of: value, message, slots[place])
        for attempt in 0...options.maximumConflicts {
            if attempt > 0 { cqrs.statisticsCounter.add(1, to: \.sagaConflicts) }
            if let outputs = try await run(slots[place], value, key, message, context) { return outputs }
        }
        throw MillraceError(
            .conflict, "saga '\(name)' '\(key)': it was changed by somebody else \(options.maximumConflicts + 1) times",
            isRetriable: true)
    }

    private func key(of value: any TypedMessage, _ message: Message, _ slot: Slot) throws -> String {
        guard let key = slot.correlate?(value), !key.isEmpty else {
            throw Reject(
                "saga '\(name)': '\(slot.type.messageName)' of message \(message.id) does not say which saga it belongs to")
        }
        guard key.utf8.count <= 1_024 else {
            throw Reject(
                "saga '\(name)': the correlation of message \(message.id) has \(key.utf8.count) bytes, it must have 1 to 1,024")
        }
        return key
    }

    /// Handles a message; nil when somebody else has changed the saga meanwhile.
    private func run(
        _ slot: Slot, _ value: any TypedMessage, _ key: String, _ message: Message, _ handlerContext: HandlerContext
    ) async throws -> Outputs? {
        let found = try await sagas.load(key)
        if let found, found.record.handled.contains(message.id.description) {
            cqrs.statisticsCounter.add(1, to: \.repeatedSagaMessages)
            return try await release(found.record, message, key, handlerContext)
        }
        let step: SagaStep<State>
        switch found?.record {
        case nil:
            guard let start = slot.start else { return try missing(slot, key, message, handlerContext) }
            step = start
        case let record?:
            guard !record.isFinished, let proceed = slot.proceed else {
                let reason = record.isFinished ? "it has ended" : "it has begun already"
                skip(message, "saga '\(name)' '\(key)': \(reason)", handlerContext, counting: \.lateSagaMessages)
                return Outputs()
            }
            step = proceed
        }
        let address = ReplyAddress(of: message, in: handlerContext.topic, for: handlerContext.handler)
        let context = CQRSContext(message, handlerContext, cqrs, replyingTo: address)
        let saga = SagaContext(key, context)
        var state = found?.record.state
        try await step.body(value, &state, cqrs, saga)
        guard let state else { return Outputs() }
        var record = found?.record ?? SagaRecord(state)
        record.state = state
        record.isFinished = saga.isFinished
        let delayed = context.takeDelayed()
        record.note(message, context.finish(), delayed, remembering: options.remembering)
        guard try await sagas.save(record, for: key, replacing: found?.stored) else { return nil }
        return try await release(record, message, key, handlerContext)
    }

    /// What a message has made leaves, and is forgotten when it has.
    private func release(
        _ record: SagaRecord<State>, _ message: Message, _ key: String, _ context: HandlerContext
    ) async throws -> Outputs {
        let cause = message.id.description
        let pending = record.pending(of: cause)
        guard !pending.isEmpty else { return Outputs() }
        var outputs = Outputs()
        for entry in pending {
            guard let due = entry.due else {
                outputs.append(entry.message, to: entry.topic)
                continue
            }
            let delayed = DelayedMessage(entry.message, to: entry.topic, at: due, delay: entry.delay)
            try await delayed.publish(by: cqrs.delays, cqrs.options.clock)
        }
        let (sagas, attempts, logger) = (sagas, options.maximumConflicts + 1, context.logger)
        context.onOutcome { outcome in
            guard case .accepted = outcome else { return }
            do {
                try await sagas.clear(cause, of: key, attempts: attempts)
            } catch {
                // No harm is done: it stays in the record until that is forgotten.
                logger.warning("what a saga has made could not be cleared", ["key": key, "error": "\(error)"])
            }
        }
        return outputs
    }

    private func missing(_ slot: Slot, _ key: String, _ message: Message, _ context: HandlerContext) throws -> Outputs {
        let text = "there is no saga '\(name)' '\(key)' for the '\(slot.type.messageName)' of message \(message.id)"
        let error = MillraceError(.unknownSaga, text, isRetriable: true)
        switch options.missing.kind {
        case .skip:
            skip(message, text, context, counting: \.missedSagaMessages)
            return Outputs()
        case .reject: throw Reject(text, because: error)
        case .retryLater(let delay, let attempts):
            guard context.attempt < attempts else { throw Reject(text, because: error) }
            guard context.canRetryLater else { throw error }
            throw RetryLater(after: delay, because: error)
        }
    }

    private func skip(
        _ message: Message, _ reason: String, _ context: HandlerContext, counting field: WritableKeyPath<CQRSStatistics, Int>
    ) {
        cqrs.statisticsCounter.add(1, to: field)
        context.observers.report(
            .debug,
            .log(
                message: "a message for a saga was skipped", handler: context.handler,
                fields: [("id", "\(message.id)"), ("reason", .text(reason))]))
    }
}
