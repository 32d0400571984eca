/// Is told what happens inside transports and routers: to log it, to count it, to show it.
///
/// Observers are called where the event happens, often on the path of a message, and must return quickly without blocking.
public protocol Observer: Sendable {
    /// The least severe events to be told of. Read once, when the observer is attached; events below it cost nothing.
    var level: EventLevel { get }

    /// Whether lines that handlers log are wanted too. Defaults to true. Read once, when the observer is attached.
    var takesLogs: Bool { get }

    /// Takes note of an event.
    func observe(_ event: MillraceEvent)
}

extension Observer {
    /// Wanted.
    public var takesLogs: Bool { true }
}

/// How much an event matters.
public enum EventLevel: Int, Sendable, Comparable, CaseIterable, Codable {
    /// One line per message.
    case trace
    /// For someone who is looking for a fault.
    case debug
    /// Milestones: started, stopped, resumed.
    case info
    /// Something went wrong and was dealt with.
    case warning
    /// Something went wrong and needs a person.
    case error

    /// Levels are ordered by severity.
    public static func < (left: EventLevel, right: EventLevel) -> Bool { left.rawValue < right.rawValue }

    /// The name in lower case.
    public var name: String { "\(self)" }
}

/// Several observers seen as one, with the level below which nobody listens.
public struct Observers: Sendable {
    private let all: [any Observer]
    private let threshold: Int
    private let logThreshold: Int

    /// The given observers; none is fine.
    public init(_ observers: [any Observer] = []) {
        all = observers
        threshold = observers.map(\.level.rawValue).min() ?? .max
        logThreshold = observers.filter(\.takesLogs).map(\.level.rawValue).min() ?? .max
    }

    /// These and one more, unless it is among them.
    public func adding(_ observer: any Observer & AnyObject) -> Observers {
        let isKnown = all.contains { type(of: $0) is AnyClass && $0 as AnyObject === observer }
        return isKnown ? self : Observers(all + [observer])
    }

    /// The first of a type; nil if there is none.
    public func first<Wanted: Observer>(of type: Wanted.Type) -> Wanted? {
        for observer in all {
            if let wanted = observer as? Wanted { return wanted }
        }
        return nil
    }

    /// What is used unless told otherwise: warnings and errors on standard error.
    public static let standard = Observers([ConsoleLog()])

    /// Whether anyone listens at a level. Check it before building something expensive.
    @inline(__always)
    public func want(_ level: EventLevel) -> Bool { level.rawValue >= threshold }

    /// Whether anyone wants what handlers log at a level.
    func wantLogs(_ level: EventLevel) -> Bool { level.rawValue >= logThreshold }

    /// Tells everyone whose level allows it. `event` is built only if somebody listens.
    @inline(__always)
    public func report(_ level: EventLevel, _ event: @autoclosure () -> MillraceEvent.Kind) {
        if want(level) { deliver(MillraceEvent(level: level, kind: event())) }
    }

    @inline(never)
    private func deliver(_ event: MillraceEvent) {
        let isLog = if case .log = event.kind { true } else { false }
        for observer in all where observer.level <= event.level && (!isLog || observer.takesLogs) {
            observer.observe(event)
        }
    }
}
