/// A handler with the middleware around it.
///
/// Staged middleware runs in a loop: all `begin`s, the handler, all `finish`es, without an asynchronous call of its own. Other
/// middleware gets a `NextHandler` and starts another loop inside. An error leads to the slow path, `unwind`.
final class Chain: @unchecked Sendable {
    // Safe to share: nothing changes once it is made.
    typealias Body = @Sendable (Message, HandlerContext) async throws -> Outputs

    private let layers: [any Middleware]
    /// One for each layer, an idle one where it is not staged. Borrowed from `owned`: loading a reference
    /// from an array would count it.
    private let stages: UnsafeMutablePointer<Unmanaged<Stage>>
    private let owned: [Stage]
    private let body: Body
    /// Where the staged middleware that begins at an index ends, when the worker calls.
    private let firstEnd: Int
    /// The same for each index, when a `NextHandler` calls: `Timeout` is not staged then, because a worker's task can be cancelled
    /// only once.
    private let ends: [Int]

    init(_ layers: [any Middleware], _ body: @escaping Body) {
        self.layers = layers
        self.body = body
        owned = layers.map { Stage($0 as? any StagedMiddleware ?? Unstaged()) }
        stages = .allocate(capacity: layers.count)
        for (index, stage) in owned.enumerated() { (stages + index).initialize(to: .passUnretained(stage)) }
        func end(from start: Int, timeouts: Int) -> Int {
            var left = timeouts
            for index in start..<layers.count {
                guard layers[index] is any StagedMiddleware else { return index }
                if layers[index] is Timeout {
                    guard left > 0 else { return index }
                    left -= 1
                }
            }
            return layers.count
        }
        firstEnd = end(from: 0, timeouts: 1)
        ends = (0...layers.count).map { end(from: $0, timeouts: 0) }
    }

    deinit { stages.deallocate() }

    /// The deadline that a worker's slot has to be watched for; nil if there is none.
    var slotTimeout: Duration? {
        layers[..<firstEnd].lazy.compactMap { ($0 as? Timeout)?.limit }.first
    }

    /// Handles a message, as the worker does.
    @inline(__always)
    func run(_ message: Message, _ context: HandlerContext) async throws -> Outputs {
        try await run(message, context, from: 0, upTo: firstEnd)
    }

    /// Handles a message from a layer on, as a `NextHandler` does.
    func run(_ message: Message, _ context: HandlerContext, from start: Int) async throws -> Outputs {
        try await run(message, context, from: start, upTo: ends[start])
    }

    private func run(
        _ message: Message, _ context: HandlerContext, from start: Int, upTo end: Int
    ) async throws -> Outputs {
        var index = start
        do {
            while index < end {
                try stages[index]._withUnsafeGuaranteedRef { try $0.begin(message, context) }
                index &+= 1
            }
            var outputs: Outputs
            if index == layers.count {
                if context.isExhausted {
                    throw MillraceError.attemptsExhausted(
                        handler: context.handler, id: message.id, attempts: context.deliveryAttempt)
                }
                outputs = try await body(message, context)
            } else {
                outputs = try await layers[index].handle(message, context, next: NextHandler(chain: self, index: index + 1))
            }
            while index > start {
                index &-= 1
                try stages[index]._withUnsafeGuaranteedRef { try $0.finish(&outputs, of: message, context) }
            }
            return outputs
        } catch {
            return try await recover(from: error, message, context, from: start, failedAt: index, isWorker: end == firstEnd)
        }
    }

    /// The slow path. `index` is the layer that was not begun, or has finished already, when the error came.
    @inline(never)
    private func recover(
        from error: any Error, _ message: Message, _ context: HandlerContext, from start: Int, failedAt index: Int,
        isWorker: Bool
    ) async throws -> Outputs {
        let timedOut = isWorker && start == 0 && context.slot.disarm()
        context.noteFailure(timedOut: timedOut || context.hasTimedOut)
        guard timedOut else { return try await unwind(error, message, context, from: start, to: index) }
        // The worker's task is cancelled and stays so. What comes now must not notice: it goes on in a task of its own, which
        // the worker waits for and the slot cancels if the time to drain runs out.
        return try await context.slot.inFreshTask {
            try await self.unwind(error, message, context, from: start, to: index)
        }
    }

    private func unwind(
        _ error: any Error, _ message: Message, _ context: HandlerContext, from start: Int, to end: Int
    ) async throws -> Outputs {
        var failure = error
        var index = end
        while index > start {
            index -= 1
            do {
                let next = NextHandler(chain: self, index: index + 1)
                var outputs = try await owned[index].middleware.recover(from: failure, message, context, next: next)
                while index > start {
                    index -= 1
                    try owned[index].finish(&outputs, of: message, context)
                }
                return outputs
            } catch {
                failure = error
            }
        }
        throw failure
    }
}

/// Staged middleware in a constant of an object, so that calling it copies nothing.
private final class Stage: Sendable {
    let middleware: any StagedMiddleware
    private let begins: Bool
    private let finishes: Bool

    init(_ middleware: any StagedMiddleware) {
        self.middleware = middleware
        begins = middleware.stages.contains(.begin)
        finishes = middleware.stages.contains(.finish)
    }

    @inline(__always)
    func begin(_ message: Message, _ context: HandlerContext) throws {
        if begins { try middleware.begin(message, context) }
    }

    @inline(__always)
    func finish(_ outputs: inout Outputs, of message: Message, _ context: HandlerContext) throws {
        if finishes { try middleware.finish(&outputs, of: message, context) }
    }
}

/// Keeps the place of middleware that is not staged.
private struct Unstaged: StagedMiddleware {
    var stages: Stages { [] }
}
