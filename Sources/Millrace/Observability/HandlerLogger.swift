/// Lets a handler log through the router's observers.
///
/// A line has, as fields, what is known of the handler and its message, then what was bound to the logger, then what the call
/// says; of two with the same name the later one counts.
public struct HandlerLogger: Sendable {
    /// What a call says besides its message. Numbers and durations stay what they are, see ``LogValue``.
    public typealias Fields = KeyValuePairs<String, any CustomStringConvertible & Sendable>

    private let observers: Observers
    private let handler: String?
    private let context: HandlerContext?
    private var bound: [(String, LogValue)] = []

    /// A logger for a handler.
    public init(_ observers: Observers, handler: String? = nil) {
        self.init(observers, handler: handler, context: nil)
    }

    init(_ observers: Observers, handler: String?, context: HandlerContext?) {
        self.observers = observers
        self.handler = handler
        self.context = context
    }

    /// A logger whose lines all have these fields as well.
    ///
    /// ```swift
    /// let log = context.logger.with(["order": order.number])
    /// log.info("packed")
    /// log.info("sent", ["weight": 1.2])
    /// ```
    public func with(_ fields: Fields) -> HandlerLogger {
        var logger = self
        logger.bound.set(fields)
        return logger
    }

    /// Logs a line at a level. Nothing is evaluated when nobody listens.
    public func log(_ level: EventLevel, _ message: @autoclosure () -> String, _ fields: @autoclosure () -> Fields = [:]) {
        guard observers.wantLogs(level) else { return }
        var all = context?.logFields ?? []
        for (key, value) in bound { all.set(key, value) }
        all.set(fields())
        observers.report(level, .log(message: message(), handler: handler, fields: all))
    }

    /// Logs a line for someone who is looking for a fault.
    public func debug(_ message: @autoclosure () -> String, _ fields: @autoclosure () -> Fields = [:]) {
        log(.debug, message(), fields())
    }

    /// Logs a milestone.
    public func info(_ message: @autoclosure () -> String, _ fields: @autoclosure () -> Fields = [:]) {
        log(.info, message(), fields())
    }

    /// Logs something that went wrong and was dealt with.
    public func warning(_ message: @autoclosure () -> String, _ fields: @autoclosure () -> Fields = [:]) {
        log(.warning, message(), fields())
    }

    /// Logs something that needs a person.
    public func error(_ message: @autoclosure () -> String, _ fields: @autoclosure () -> Fields = [:]) {
        log(.error, message(), fields())
    }
}

extension [(String, LogValue)] {
    /// Gives a field a value, in the place of the one that has its name if there is one.
    fileprivate mutating func set(_ key: String, _ value: LogValue) {
        if let index = firstIndex(where: { $0.0 == key }) { self[index].1 = value } else { append((key, value)) }
    }

    fileprivate mutating func set(_ fields: HandlerLogger.Fields) {
        for (key, value) in fields { set(key, LogValue(value)) }
    }
}

extension HandlerContext {
    /// What lines say of the message at hand. The names are those of events.
    package var logFields: [(String, LogValue)] {
        var fields: [(String, LogValue)] = [("topic", .text(topic))]
        if let message {
            fields.append(("id", "\(message.id)"))
            fields.append(("attempt", LogValue(attempt)))
            if let id = message.metadata[MetadataKey.correlationID] { fields.append(("correlation_id", .text(id))) }
        }
        if let trace {
            fields.append(("trace_id", .text(trace.traceIDText)))
            fields.append(("span_id", .text(trace.spanIDText)))
        }
        return fields
    }
}
