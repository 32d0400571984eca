#if SwiftDistributedTracing
public import Millrace
public import Tracing

extension Message {
    /// The message with the given context, so that whoever handles it goes on with the trace.
    ///
    /// For what is published outside of handlers, in answer to an HTTP request for one. Outputs of handlers need nothing of the kind.
    ///
    /// ```swift
    /// try await broker.publish(Message(encoding: order).carrying(.current), to: "orders")
    /// ```
    ///
    /// - Parameters:
    ///   - context: What is to travel along; nil for nothing.
    ///   - instrument: What writes it into the metadata. Defaults to what is bootstrapped.
    public func carrying(
        _ context: ServiceContext?, by instrument: any Instrument = InstrumentationSystem.instrument
    ) -> Message {
        guard let context else { return self }
        var message = self
        Propagation(instrument).inject(context, into: &message.metadata)
        return message
    }

    /// The context that the message carries, as the bootstrapped instruments read it; empty when it carries none.
    public var serviceContext: ServiceContext { Propagation(InstrumentationSystem.instrument).context(in: metadata) }
}
#endif
