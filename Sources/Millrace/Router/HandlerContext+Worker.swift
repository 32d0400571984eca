import Synchronization

/// What the worker does with a context: it begins it for each message, and counts the message's attempts.
extension HandlerContext {
    /// Makes the context that of another message. Nobody else may hold it.
    @inline(__always)
    func begin(_ record: DeliveryRecord, receivedAt: ClockInstant, maximumAttempts: Int) {
        message = record.message
        attempt = record.attempt
        deliveryAttempt = record.attempt
        position = record.position
        self.receivedAt = receivedAt
        isExhausted = record.attempt > maximumAttempts
        token = record.token
        if hasNotes { removeNotes() }
        if record.attempt > 1 { recall(record.message.id) }
    }

    /// Closes a context whose message is done with if somebody has kept it, for whom it stays what it is now. The worker needs
    /// another one then.
    @inline(__always)
    static func closeIfShared(_ context: inout HandlerContext) -> Bool {
        guard isKnownUniquelyReferenced(&context) else {
            context.close()
            return true
        }
        // What was done by those who held it has happened before what comes now.
        atomicMemoryFence(ordering: .acquiring)
        return false
    }

    /// Goes on counting where the delivery before this one stopped.
    private func recall(_ id: MessageID) {
        guard let entry = history.take(id) else { return }
        attempt = entry.attempts + 1
        note { notes in
            notes.recalledAttempts = entry.attempts
            notes.firstFailedAt = entry.firstFailedAt
        }
    }

    /// The message goes back through no fault of its own: this delivery, with all that was tried in it, is not to count.
    func excuseDelivery(of message: Message) {
        note { $0.isExcused = true }
        excused.add(message.id)
        restoreAttempts(of: message)
    }

    /// The message goes back as if it had not been handed out: what was known of it before is to be known again.
    func restoreAttempts(of message: Message) {
        guard let noted, let attempts = noted.recalledAttempts else { return }
        history.note(message.id, AttemptHistory.Entry(attempts: attempts, firstFailedAt: noted.firstFailedAt))
    }

    /// So many of the deliveries so far are not to count.
    func excuse(_ count: Int, maximumAttempts: Int) {
        if noted?.recalledAttempts == nil { attempt = max(1, deliveryAttempt - count) }
        isExhausted = deliveryAttempt - count > maximumAttempts
    }

    /// Keeps the count of attempts while the transport has the message: it counts deliveries, and some attempts were in place. One that
    /// is excused has noted what is to be known.
    func rememberAttempts(of message: Message) {
        let noted = noted
        guard noted?.isExcused != true else { return }
        history.note(message.id, AttemptHistory.Entry(attempts: attempt, firstFailedAt: noted?.firstFailedAt))
    }

    /// Notes that an attempt failed; middleware that recovers from it runs next.
    func noteFailure(timedOut: Bool) {
        let now = clock.unixMilliseconds
        note { notes in
            notes.hasTimedOut = timedOut
            if notes.firstFailedAt == nil { notes.firstFailedAt = now }
        }
    }

    /// Whether `Timeout` ended the attempt that has just failed.
    var hasTimedOut: Bool { noted?.hasTimedOut ?? false }

    /// Tells everyone who asked that the message has failed.
    func concludeFailure(_ error: any Error) async {
        guard hasNotes else { return }
        for action in take({ $0.takeActions() }) { await action(.failed(error)) }
    }
}

extension HandlerNotes {
    /// Who wants to know the outcome. They are forgotten here: what they hold may hold the context.
    mutating func takeActions() -> [OutcomeAction] {
        defer { outcomeActions = [] }
        return outcomeActions
    }
}
