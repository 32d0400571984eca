/// Where messages go that were given up.
package struct DeadLetterTopic: Sendable {
    let topic: String
    let publisher: any Publisher

    package init(topic: String, publisher: any Publisher) {
        self.topic = topic
        self.publisher = publisher
    }

    /// Publishes the message with the record of its failure. Throws a ``MillraceError`` of code `publishFailed`, and `error`
    /// itself when the topic is the one that the handler reads: it would meet the message again at once, with a new record in
    /// the place of the first.
    package func send(_ message: Message, _ error: any Error, _ context: HandlerContext) async throws {
        guard !context.reads(topic, of: publisher) else { throw error }
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
    package func validate(for subject: String) throws {
        do {
            try Naming.checkTopic(topic)
        } catch let error as MillraceError {
            throw MillraceError(.invalidTopic, "\(subject): \(error.message)", isRetriable: false)
        }
    }
}
