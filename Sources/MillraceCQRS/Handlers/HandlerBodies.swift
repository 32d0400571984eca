import Millrace

/// What the handler of an event does with a message.
struct EventRun<E: DomainEvent>: Sendable {
    let cqrs: CQRS
    let reader: TypedReader<E>
    let body: @Sendable (E, CQRSContext) async throws -> Void

    func handle(_ message: Message, _ handlerContext: HandlerContext) async throws -> Outputs {
        guard let event = try await cqrs.read(message, handlerContext, with: reader) else { return Outputs() }
        let context = CQRSContext(message, handlerContext, cqrs)
        try await cqrs.call(event, context, body)
        try await context.publishDelayed()
        return context.finish()
    }
}

/// What the handler of a command does with a message, which may be a request.
struct CommandRun<C: DomainCommand>: Sendable {
    let cqrs: CQRS
    let reader: TypedReader<C>
    let failed: FailedRequests
    let body: @Sendable (C, CQRSContext) async throws -> Void

    func handle(_ message: Message, _ handlerContext: HandlerContext) async throws -> Outputs {
        guard let address = ReplyAddress(of: message, in: handlerContext.topic, for: handlerContext.handler) else {
            return try await run(message, handlerContext, nil)
        }
        do {
            let outputs = try await run(message, handlerContext, address)
            failed.forget(address)
            return outputs
        } catch {
            if let answer = try cqrs.responder.answer(to: address, with: error, of: C.self) {
                failed.forget(address)
                return answer
            }
            failed.note(error, of: address, handlerContext)
            throw error
        }
    }

    private func run(
        _ message: Message, _ handlerContext: HandlerContext, _ address: ReplyAddress?
    ) async throws -> Outputs {
        guard let command = try await cqrs.read(message, handlerContext, with: reader) else { return Outputs() }
        let context = CQRSContext(message, handlerContext, cqrs, replyingTo: address)
        try await cqrs.call(command, context, body)
        try await context.publishDelayed()
        return context.finish()
    }
}
