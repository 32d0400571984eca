/// Lets a handler log through the router's observers.
public struct HandlerLogger: Sendable {
    private let observers: Observers
    private let handler: String?

    /// A logger for a handler.
    public init(_ observers: Observers, handler: String? = nil) {
        self.observers = observers
        self.handler = handler
    }

    /// Logs a line at a level. Nothing is evaluated when nobody listens.
    public func log(
        _ level: EventLevel, _ message: @autoclosure () -> String,
        _ fields: @autoclosure () -> KeyValuePairs<String, any CustomStringConvertible & Sendable> = [:]
    ) {
        guard observers.wantLogs(level) else { return }
        let pairs = fields().map { ($0.key, $0.value.description) }
        observers.report(level, .log(message: message(), handler: handler, fields: pairs))
    }

    /// Logs a line for someone who is looking for a fault.
    public func debug(
        _ message: @autoclosure () -> String,
        _ fields: @autoclosure () -> KeyValuePairs<String, any CustomStringConvertible & Sendable> = [:]
    ) { log(.debug, message(), fields()) }

    /// Logs a milestone.
    public func info(
        _ message: @autoclosure () -> String,
        _ fields: @autoclosure () -> KeyValuePairs<String, any CustomStringConvertible & Sendable> = [:]
    ) { log(.info, message(), fields()) }

    /// Logs something that went wrong and was dealt with.
    public func warning(
        _ message: @autoclosure () -> String,
        _ fields: @autoclosure () -> KeyValuePairs<String, any CustomStringConvertible & Sendable> = [:]
    ) { log(.warning, message(), fields()) }

    /// Logs something that needs a person.
    public func error(
        _ message: @autoclosure () -> String,
        _ fields: @autoclosure () -> KeyValuePairs<String, any CustomStringConvertible & Sendable> = [:]
    ) { log(.error, message(), fields()) }
}
