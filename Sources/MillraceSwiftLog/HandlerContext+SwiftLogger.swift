#if SwiftLog
public import Logging
public import Millrace

extension HandlerContext {
    /// A logger of swift-log for the message at hand.
    ///
    /// It is that of the router's ``SwiftLogObserver``, or, if there is none, one that the bootstrapped `LoggingSystem` makes with
    /// the label `millrace`. Its lines carry, with the names that events have, `handler`, `topic`, `id` (that of the message),
    /// `attempt`, and, while a trace is known, `trace_id` and `span_id`. In a handler of batches there is no one message, and so
    /// neither `id` nor `attempt`.
    ///
    /// It is put together whenever it is asked for: keep it in a constant while you handle a message.
    public var swiftLogger: Logger {
        var logger = observers.first(of: SwiftLogObserver.self)?.logger ?? Logger(label: "millrace")
        logger[metadataKey: "handler"] = .string(handler)
        logger[metadataKey: "topic"] = .string(topic)
        if let messageID {
            logger[metadataKey: "id"] = .string("\(messageID)")
            logger[metadataKey: "attempt"] = .stringConvertible(attempt)
        }
        if let trace {
            logger[metadataKey: "trace_id"] = .string(trace.traceIDText)
            logger[metadataKey: "span_id"] = .string(trace.spanIDText)
        }
        return logger
    }
}
#endif
