#if SwiftLog
public import Logging
public import Millrace

/// Writes what happens in routers and transports, and what handlers log with `context.logger`, to a logger of swift-log.
///
/// ```swift
/// let log = SwiftLogObserver(Logger(label: "shop"))
/// let broker = MemoryTransport(observers: Observers([log]))
/// let router = Router(.init(observers: [log])) { Retry() }
/// ```
///
/// A line has the event's message, which does not change from one event of a kind to the next, its level, and its fields as
/// metadata. Its source is `Millrace`.
public struct SwiftLogObserver: Observer {
    /// The least severe events that are written.
    public let level: EventLevel
    /// Where lines go.
    public let logger: Logger

    /// An observer for a logger.
    ///
    /// - Parameters:
    ///   - logger: Where lines go. What its handler's level leaves out is not written, whatever `level` is.
    ///   - level: The least severe events to write. Defaults to those that the logger takes now. Give it where the logger's
    ///     level is raised and lowered while the service runs: an observer is asked for its level once.
    public init(_ logger: Logger, level: EventLevel? = nil) {
        self.logger = logger
        self.level = level ?? EventLevel(leastOf: logger.logLevel)
    }

    /// Writes a line.
    public func observe(_ event: MillraceEvent) {
        let level = event.level.ofSwiftLog
        // Fields are text that somebody has to make.
        guard level >= logger.logLevel else { return }
        var metadata: Logger.Metadata = [:]
        for (key, value) in event.fields { metadata[key] = Logger.MetadataValue(value) }
        logger.log(level: level, "\(event.message)", metadata: metadata, source: "Millrace")
    }
}

extension Logger.MetadataValue {
    /// The value of a field; a number stays one for handlers that have a form for it.
    init(_ value: LogValue) {
        self =
            switch value {
            case .int(let value): .stringConvertible(value)
            case .double(let value): .stringConvertible(value)
            case .bool(let value): .stringConvertible(value)
            case .text, .duration: .string(value.description)
            }
    }
}

extension EventLevel {
    /// The level of the same name.
    var ofSwiftLog: Logger.Level {
        switch self {
        case .trace: .trace
        case .debug: .debug
        case .info: .info
        case .warning: .warning
        case .error: .error
        }
    }

    /// The least severe level that a logger of the given level writes. There is no event above `error`.
    init(leastOf level: Logger.Level) {
        self = Self.allCases.first { $0.ofSwiftLog >= level } ?? .error
    }
}
#else
/// Writes events to a logger of swift-log. There is no such package without the trait `SwiftLog`.
@available(*, unavailable, message: "name the trait 'SwiftLog' where your Package.swift depends on millrace")
public struct SwiftLogObserver {}
#endif
