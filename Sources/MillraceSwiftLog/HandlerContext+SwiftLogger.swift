#if SwiftLog
public import Logging
public import Millrace

extension HandlerContext {
    /// A logger of swift-log for the message at hand.
    ///
    /// It is that of the router's ``SwiftLogObserver``, or, if there is none, one that the bootstrapped `LoggingSystem` makes with
    /// the label `millrace`. Its lines carry what those of `context.logger` carry: `handler`, `topic`, `id` (that of the message),
    /// `attempt`, `correlation_id` if the message has one, and, while a trace is known, `trace_id` and `span_id`. In a handler of
    /// batches there is no one message, and so nothing of it.
    ///
    /// It is put together whenever it is asked for: keep it in a constant while you handle a message.
    public var swiftLogger: Logger {
        var logger = observers.first(of: SwiftLogObserver.self)?.logger ?? Logger(label: "millrace")
        logger[metadataKey: "handler"] = .string(handler)
        for (key, value) in logFields { logger[metadataKey: key] = Logger.MetadataValue(value) }
        return logger
    }
}
#endif
