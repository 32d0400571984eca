import Synchronization

/// The outputs of a batch that wait to be published, and the inputs that wait for them.
struct Outbox {
    private struct Routed {
        let topic: String
        var messages: [Message] = []
        var origins: [Int] = []
    }

    private static let flushCount = 1_024

    private let scope: WorkerScope
    private var messages: [Message] = []
    /// For each message the index of its input in `inputs`.
    private var origins: [Int] = []
    private var routed: [Routed] = []
    private var routedCount = 0
    /// What can be acknowledged once the outputs are accepted.
    private var inputs: [DeliveryToken] = []
    /// For each input its index in the batch.
    private var indices: [Int] = []
    /// Inputs that were acknowledged before their handler had returned, by their index in `inputs`.
    private var acknowledged: Set<Int> = []
    /// Who wants to know the outcome of an input, by its index in `inputs`.
    private var outcomeActions: [(origin: Int, action: HandlerNotes.OutcomeAction)] = []
    /// When the batch was received, by the exact clock.
    var receivedAt = ClockInstant(nanoseconds: 0)
    /// Consumers have no outputs whose failure would need the input again.
    private let hasOutputs: Bool
    /// Publishes and acknowledges in one step; nil for handlers that do not ask for it.
    private let transactional: (any TransactionalSubscription)?

    init(_ scope: WorkerScope) {
        self.scope = scope
        transactional =
            scope.definition.options.transactional ? scope.subscription.unwrapped as? any TransactionalSubscription : nil
        hasOutputs = scope.definition.publisher != nil
    }

    /// Whether so much waits that it should be published before more is handled.
    @inline(__always)
    var isFull: Bool { messages.count &+ routedCount >= Self.flushCount }

    @inline(__always)
    mutating func add(_ outputs: consuming Outputs, of token: DeliveryToken, at index: Int) {
        let origin = inputs.count
        inputs.append(token)
        indices.append(index)
        guard hasOutputs else { return }
        if let first = outputs.first {
            messages.append(first)
            origins.append(origin)
        }
        if outputs.more.isEmpty && outputs.routed.isEmpty { return }
        addMore(outputs, origin: origin)
    }

    /// Takes over what the context knows of the message that was added last.
    mutating func note(_ context: HandlerContext) {
        let origin = inputs.count - 1
        let (isAcknowledged, actions) = context.take { ($0.isAcknowledged, $0.takeActions()) }
        if isAcknowledged { acknowledged.insert(origin) }
        for action in actions { outcomeActions.append((origin, action)) }
    }

    private mutating func addMore(_ outputs: Outputs, origin: Int) {
        messages += outputs.more
        origins += repeatElement(origin, count: outputs.more.count)
        for (topic, message) in outputs.routed {
            let index = routed.firstIndex { $0.topic == topic } ?? routed.endIndex
            if index == routed.endIndex { routed.append(Routed(topic: topic)) }
            routed[index].messages.append(message)
            routed[index].origins.append(origin)
            routedCount += 1
        }
    }

    /// Publishes the outputs, then acknowledges the inputs; those whose outputs were not accepted are tried again.
    mutating func flush(_ batch: borrowing DeliveryBatch, slot: WorkerSlot) async {
        guard !inputs.isEmpty else { return }
        var failed: [Int: any Error] = [:]
        if scope.status.abandoned.load(ordering: .acquiring) > 0 {
            for (_, action) in outcomeActions { await action(.failed(CancellationError())) }
            return removeAll()
        }
        if let transactional {
            await commit(Array(inputs.indices), in: transactional, failed: &failed)
        } else {
            await publish(failed: &failed)
        }
        scope.status.handled.add(inputs.count - failed.count, ordering: .relaxed)
        if !scope.control.excused.isEmpty {
            for index in inputs.indices where failed[index] == nil {
                scope.control.excused.remove(batch.records[indices[index]].message.id)
            }
        }
        for (origin, action) in outcomeActions { await action(failed[origin].map(MessageOutcome.failed) ?? .accepted) }
        if let meter = scope.meter {
            let time = receivedAt.duration(to: scope.environment.clock.now)
            meter.acknowledged(inputs.count - failed.count - acknowledged.count, after: time)
        }
        if failed.isEmpty, acknowledged.isEmpty {
            if transactional == nil { scope.subscription.acknowledge(inputs) }
        } else {
            settle(failed, of: batch, wasCutOff: slot.isCutOff)
        }
        removeAll()
    }

    private func publish(failed: inout [Int: any Error]) async {
        if !messages.isEmpty, let output = scope.definition.output {
            await publish(messages, origins, to: output.topic, output.publisher, failed: &failed)
        }
        if !routed.isEmpty, let publisher = scope.definition.publisher {
            for batch in routed {
                await publish(batch.messages, batch.origins, to: batch.topic, publisher, failed: &failed)
            }
        }
    }

    private func publish(
        _ messages: [Message], _ origins: [Int], to topic: String, _ publisher: any Publisher,
        failed: inout [Int: any Error]
    ) async {
        let clock = scope.environment.clock
        let start = scope.meter == nil ? receivedAt : clock.now
        do {
            try await publisher.publish(messages, to: topic)
            scope.meter?.published(messages.count, to: topic, in: start.duration(to: clock.now))
        } catch {
            scope.meter?.published(messages.count, to: topic, in: start.duration(to: clock.now), error: error)
            let failures = (error as? MillraceError)?.failures ?? []
            if (error as? MillraceError)?.code == .invalidMessage, Set(origins).count > 1 {
                // Nothing was accepted because of one of them; the others are not to suffer for it.
                return await publishEach(messages, origins, to: topic, publisher, failed: &failed)
            }
            if failures.isEmpty {
                for origin in origins { failed[origin] = error }
            } else {
                for failure in failures where origins.indices.contains(failure.index) {
                    failed[origins[failure.index]] = failure.error
                }
            }
            scope.environment.observers.report(
                .warning, .publishFailed(handler: scope.definition.name, topic: topic, error: error))
        }
    }

    /// Publishes the outputs of each input by themselves.
    private func publishEach(
        _ messages: [Message], _ origins: [Int], to topic: String, _ publisher: any Publisher,
        failed: inout [Int: any Error]
    ) async {
        var start = 0
        while start < messages.count {
            let end = origins[start...].firstIndex { $0 != origins[start] } ?? messages.count
            await publish(
                Array(messages[start..<end]), Array(origins[start..<end]), to: topic, publisher, failed: &failed)
            start = end
        }
    }

    /// Publishes the outputs of some inputs and acknowledges them in one transaction. When that is refused for what one of them
    /// holds, each gets a transaction of its own.
    private func commit(
        _ origins: [Int], in subscription: any TransactionalSubscription, failed: inout [Int: any Error]
    ) async {
        let outputs = outputs(of: Set(origins))
        let clock = scope.environment.clock
        let start = scope.meter == nil ? receivedAt : clock.now
        var failure: (any Error)?
        do {
            let tokens = origins.filter { !acknowledged.contains($0) }.map { inputs[$0] }
            try await subscription.commit(outputs, acknowledging: tokens)
        } catch {
            failure = error
        }
        let time = start.duration(to: clock.now)
        for output in outputs { scope.meter?.published(output.messages.count, to: output.topic, in: time, error: failure) }
        guard let failure else { return }
        if origins.count > 1, (failure as? MillraceError)?.isRetriable == false {
            for origin in origins { await commit([origin], in: subscription, failed: &failed) }
            return
        }
        for origin in origins { failed[origin] = failure }
        scope.environment.observers.report(
            .warning,
            .publishFailed(
                handler: scope.definition.name, topic: outputs.first?.topic ?? scope.definition.topic, error: failure))
    }

    private func outputs(of wanted: Set<Int>) -> [TopicMessages] {
        var outputs: [TopicMessages] = []
        func add(_ messages: [Message], _ origins: [Int], to topic: String) {
            let chosen = zip(messages, origins).filter { wanted.contains($0.1) }.map(\.0)
            if !chosen.isEmpty { outputs.append(TopicMessages(chosen, to: topic)) }
        }
        if let output = scope.definition.output { add(messages, origins, to: output.topic) }
        for batch in routed { add(batch.messages, batch.origins, to: batch.topic) }
        return outputs
    }

    private func settle(_ failed: [Int: any Error], of batch: borrowing DeliveryBatch, wasCutOff: Bool) {
        let open = inputs.indices.filter { failed[$0] == nil && !acknowledged.contains($0) }
        if transactional == nil { scope.subscription.acknowledge(open.map { inputs[$0] }) }
        for index in inputs.indices {
            guard let error = failed[index] else { continue }
            scope.settleFailure(
                batch.records[indices[index]], error, isAcknowledged: acknowledged.contains(index), wasCutOff: wasCutOff)
        }
    }

    private mutating func removeAll() {
        messages.removeAll(keepingCapacity: true)
        origins.removeAll(keepingCapacity: true)
        inputs.removeAll(keepingCapacity: true)
        indices.removeAll(keepingCapacity: true)
        routed.removeAll(keepingCapacity: true)
        routedCount = 0
        if !acknowledged.isEmpty { acknowledged.removeAll() }
        if !outcomeActions.isEmpty { outcomeActions.removeAll() }
    }
}
