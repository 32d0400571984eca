/// Why a worker's task ended.
enum WorkerExit: Sendable {
    /// There is nothing more to fetch.
    case ended
    /// The task was used up by a deadline; the worker goes on in a new one.
    case retired
    /// The subscription is lost.
    case lost(any Error)
}

/// Takes deliveries from a subscription and sees each through to its settlement, one after the other.
///
/// A handler has as many workers as its concurrency. Each lives as long as the subscription.
protocol Worker: AnyObject, Sendable {
    var slot: WorkerSlot { get }
    func run() async -> WorkerExit
}

/// What the workers of a handler share.
struct WorkerScope: Sendable {
    let definition: HandlerDefinition
    let environment: RouterEnvironment
    let subscription: any Subscription
    let status: WorkerStatus
    let control: HandlerControl
    let history: AttemptHistory
    /// Fires when the handler has to end.
    let stopping: Signal
    /// Where the handler is measured; nil when it is not.
    let meter: HandlerMeter?

    /// Whether a `Replay` brought the message back for a group that is not this one. Takes the group's name off the message,
    /// so that outputs that copy their input's metadata are for everyone again.
    @inline(__always)
    func isForAnotherGroup(_ message: inout Message) -> Bool {
        !message.metadata.isEmpty && isReplayForAnotherGroup(&message)
    }

    @inline(never)
    private func isReplayForAnotherGroup(_ message: inout Message) -> Bool {
        guard let group = message.metadata[MetadataKey.replayGroup] else { return false }
        message.metadata[MetadataKey.replayGroup] = nil
        return group != definition.group
    }

    /// Gives back a delivery that failed: it is tried again later, or given up. One that was acknowledged early is lost.
    func settleFailure(_ record: DeliveryRecord, _ error: any Error, isAcknowledged: Bool = false, wasCutOff: Bool) {
        let handler = definition.name
        let observers = environment.observers
        if isAcknowledged {
            status.noteFailure(error)
            return observers.report(
                .error,
                .messageRejected(
                    handler: handler, id: record.message.id, reason: "failed after it was acknowledged: \(error)"))
        }
        if wasCutOff || error is HandedBack || error is CancellationError && Task.isCancelled {
            return subscription.settle(record.token, .release)
        }
        status.noteFailure(error)
        if let later = error as? RetryLater {
            observers.report(
                .debug,
                messageFailed(record, retryAfter: later.delay, error: later.cause ?? later))
            return subscription.settle(record.token, .retry(after: later.delay))
        }
        let attempts = record.attempt - control.excused.count(of: record.message.id)
        if error is Reject || attempts >= definition.options.maximumAttempts ?? .max {
            let reason = "\(error)"
            control.excused.remove(record.message.id)
            observers.report(.error, .messageRejected(handler: handler, id: record.message.id, reason: reason))
            return subscription.settle(record.token, .reject(reason: reason))
        }
        let delay = definition.options.redelivery.delay(after: record.attempt, random: environment.random)
        observers.report(.warning, messageFailed(record, retryAfter: delay, error: error))
        subscription.settle(record.token, .retry(after: delay))
    }

    private func messageFailed(_ record: DeliveryRecord, retryAfter delay: Duration, error: any Error) -> MillraceEvent.Kind {
        .messageFailed(
            handler: definition.name, topic: definition.topic, group: definition.group, id: record.message.id,
            attempt: record.attempt, retryAfter: delay, error: error)
    }
}
