import Millrace

extension ManualClock {
    /// How long nobody may have used the clock before it moves on. Each round also goes through the queue of tasks that are ready,
    /// several times, so that on a busy machine it takes as long as theirs do.
    private static let quietRounds = 20
    private static let round = Duration.milliseconds(1)
    private static let yields = 4
    /// Somebody who uses the clock all the time, to look at it in a loop, does not hold it up for longer than this.
    private static let mostRounds = 1_000
    /// After so many beats of a watch that had no effect, only every so manyth is waited for in real time: an idle router has ten a second.
    private static let idleBeats = 64
    /// How long the condition may take in real time when no step of the clock is left: what the last one started may still be at work.
    private static let patience = Duration.seconds(5)

    /// Moves the clock from timer to timer until `condition` holds: time passes in a test, and nobody waits for it.
    ///
    /// ```swift
    /// try await broker.publish(Message(text: "1"), to: "orders")
    /// let waited = try await clock.advance(upTo: .seconds(60)) { charges.count == 2 }
    /// #expect(waited == .seconds(10))
    /// ```
    ///
    /// The clock stands still while tasks are at work with it. It goes to the time of the next timer, and runs what is due, only when
    /// for twenty milliseconds of real time nobody has read it, and made or cancelled a timer; all the while the condition is looked at,
    /// and nothing moves any more once it holds. Timers that only set themselves anew, as those do that watch over an idle router, take
    /// less, so that an hour takes seconds. Tasks that wait for something else, a server or a file, are not seen: the clock may
    /// be ahead of them, so a `limit` needs room for that.
    ///
    /// When no timer is due within the limit, the clock goes to the limit, and the condition has five seconds of real time to come true.
    ///
    /// - Parameters:
    ///   - limit: How far the clock moves at most.
    ///   - realLimit: How long to wait in real time. Defaults to 60 seconds.
    ///   - condition: Whether it is time to stop. Called about every millisecond; it should not wait for anything.
    /// - Returns: How far the clock was moved.
    /// - Throws: A `MillraceError` of code `deadlineExceeded` that names both limits when one of them is reached, what `condition`
    ///   throws, or `CancellationError`.
    @discardableResult
    public func advance(
        upTo limit: Duration, within realLimit: Duration = .seconds(60), until condition: () async throws -> Bool
    ) async throws -> Duration {
        let start = now
        let end = start.advanced(by: limit)
        let begin = SystemClock.shared.now
        let deadline = begin.advanced(by: realLimit)
        var lastChance: ClockInstant?
        var beats = 0
        while true {
            let isIdle = beats > Self.idleBeats && beats % Self.idleBeats != 0
            switch try await settle(rounds: beats == 0 ? Self.quietRounds : isIdle ? 0 : 1, before: deadline, condition) {
            case .holds: return start.duration(to: now)
            case .busy: beats = 0
            case .quiet: break
            }
            guard SystemClock.shared.now < deadline else { break }
            let before = turns
            if advanceToNextTimer(notAfter: end) {
                beats = turns == before ? beats + 1 : 0
                lastChance = nil
            } else {
                let last = lastChance ?? min(deadline, SystemClock.shared.now.advanced(by: Self.patience))
                guard SystemClock.shared.now < last else { break }
                (lastChance, beats) = (last, 0)
                // Without any timer one may still come, and is then to have its time before the limit.
                if nextTimer != nil { advance(by: now.duration(to: end)) }
            }
        }
        let next = nextTimer.map { "the next timer is due \(start.duration(to: $0)) after the start" } ?? "no timer waits"
        throw MillraceError(
            .deadlineExceeded,
            """
            the condition does not hold: the clock was moved by \(start.duration(to: now)) of at most \(limit), in \
            \(begin.duration(to: SystemClock.shared.now)) of at most \(realLimit) of real time; \(next)
            """,
            isRetriable: false)
    }

    /// Moves the clock from timer to timer while `body` waits for something, and returns what `body` returns.
    ///
    /// ```swift
    /// try await broker.publish(Message(text: "1"), to: "orders")
    /// let invoice = try await clock.advancing(upTo: .seconds(10)) { try await invoices.next() }
    /// #expect(clock.elapsed == .seconds(10))
    /// ```
    ///
    /// The clock moves as ``advance(upTo:within:until:)`` says.
    ///
    /// - Parameters:
    ///   - limit: How far the clock moves at most.
    ///   - realLimit: How long to wait in real time. Defaults to 60 seconds.
    ///   - body: What waits. It runs in a task of its own, which is cancelled, and waited for, when a limit is reached.
    /// - Throws: A `MillraceError` of code `deadlineExceeded` that names both limits when one of them is reached, what `body`
    ///   throws, or `CancellationError`.
    public func advancing<Success: Sendable>(
        upTo limit: Duration, within realLimit: Duration = .seconds(60), _ body: @escaping @Sendable () async throws -> Success
    ) async throws -> Success {
        let isDone = Signal()
        let work = Task {
            defer { isDone.fire() }
            return try await body()
        }
        do {
            try await advance(upTo: limit, within: realLimit) { isDone.hasFired }
        } catch {
            work.cancel()
            _ = await work.result
            throw error
        }
        return try await work.value
    }

    private enum Calm { case holds, quiet, busy }

    /// Waits until nobody has used the clock for so many rounds, or for all of them if somebody does. Looks at the condition meanwhile.
    private func settle(rounds: Int, before deadline: ClockInstant, _ condition: () async throws -> Bool) async throws -> Calm {
        var (rounds, quiet, result) = (rounds, 0, Calm.quiet)
        for _ in 0..<Self.mostRounds {
            if try await condition() { return .holds }
            let before = uses
            for _ in 0..<Self.yields { await Task.yield() }
            if rounds > 0 { try await SystemClock.shared.sleep(for: Self.round) }
            if uses == before {
                quiet += 1
            } else {
                (rounds, quiet, result) = (Self.quietRounds, 0, .busy)
            }
            if quiet >= rounds || SystemClock.shared.now >= deadline { break }
        }
        return try await condition() ? .holds : result
    }
}
