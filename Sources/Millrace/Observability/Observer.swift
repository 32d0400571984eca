/// Is told what happens inside transports and routers: to log it, to count it, to show it.
///
/// Observers are called where the event happens, often on the path of a message, and must return quickly without blocking.
public protocol Observer: Sendable {
    /// The least severe events to be told of. Read once, when the observer is attached; events below it cost nothing.
    var level: EventLevel { get }

    /// Takes note of an event.
    func observe(_ event: Event)
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

    /// The given observers; none is fine.
    public init(_ observers: [any Observer] = []) {
        all = observers
        threshold = observers.map(\.level.rawValue).min() ?? .max
    }

    /// What is used unless told otherwise: warnings and errors on standard error.
    public static let standard = Observers([ConsoleLog()])

    /// Whether anyone listens at a level. Check it before building something expensive.
    @inline(__always)
    public func want(_ level: EventLevel) -> Bool { level.rawValue >= threshold }

    /// Tells everyone whose level allows it. `event` is built only if somebody listens.
    @inline(__always)
    public func report(_ level: EventLevel, _ event: @autoclosure () -> Event.Kind) {
        if want(level) { deliver(Event(level: level, kind: event())) }
    }

    @inline(never)
    private func deliver(_ event: Event) {
        for observer in all where observer.level <= event.level { observer.observe(event) }
    }
}
