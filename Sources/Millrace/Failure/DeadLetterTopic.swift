/// Where messages go that were given up.
struct DeadLetterTopic: Sendable {
    let topic: String
    let publisher: any Publisher

    /// Publishes the message with the record of its failure. Throws a ``MillraceError`` of code `publishFailed`.
    func send(_ message: Message, _ error: any Error, _ context: HandlerContext) async throws {
        do {
            try await publisher.publish(DeadLetter(message, error, context).letter, to: topic)
        } catch let publishError {
            throw MillraceError(
                .publishFailed,
                "poison topic '\(topic)' did not accept message \(message.id), which failed with: \(error)",
                underlying: publishError, isRetriable: true)
        }
        context.observers.report(
            .error, .messagePoisoned(handler: context.handler, id: message.id, topic: topic, error: error))
    }

    /// Throws a ``MillraceError`` of code `invalidTopic`; `subject` says whose topic it is.
    func validate(for subject: String) throws {
        do {
            try Naming.checkTopic(topic)
        } catch let error as MillraceError {
            throw MillraceError(.invalidTopic, "\(subject): \(error.message)", isRetriable: false)
        }
    }
}
