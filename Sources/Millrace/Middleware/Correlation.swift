/// Gives outputs the correlation id of their input, and notes which message caused them.
///
/// `correlation_id` of the input, or its message id when it has none, is set on each output that lacks one; `causation_id` is
/// set to the input's message id, unless the handler has set another one.
public struct Correlation: StagedMiddleware {
    /// The middleware.
    public init() {}

    /// After the handler.
    public var stages: Stages { .finish }

    /// Sets the two keys.
    public func finish(_ outputs: inout Outputs, of message: Message, _ context: HandlerContext) {
        guard !outputs.isEmpty else { return }
        let causation = message.id.description
        let correlation = message.metadata[MetadataKey.correlationID] ?? causation
        outputs.update { output, _ in
            if output.metadata[MetadataKey.correlationID] == nil {
                output.metadata[MetadataKey.correlationID] = correlation
            }
            if output.metadata[MetadataKey.causationID] == nil { output.metadata[MetadataKey.causationID] = causation }
        }
    }
}
