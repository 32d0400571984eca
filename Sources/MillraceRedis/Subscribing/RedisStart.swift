import Millrace

/// Where a group or a reader begins, as a stream takes it.
enum RedisStart: Sendable, Equatable {
    /// Behind an entry, which need not exist.
    case behind(Position)
    /// Behind the last entry that there is.
    case behindLast

    /// The start that was asked for; `isGroup` decides where a subscription begins that asks for nothing.
    init(_ start: StartPosition?, isGroup: Bool) {
        switch start ?? (isGroup ? .beginning : .now) {
        case .beginning: self = .behind(Position(low: 0))
        case .now: self = .behindLast
        case .after(let position): self = .behind(position)
        case .time(let milliseconds):
            // The first half of an entry's id is its time.
            let before = milliseconds > 0 ? Position(high: UInt64(milliseconds - 1), low: .max) : Position(low: 0)
            self = .behind(before)
        }
    }

    func write(to writer: inout RESPWriter) {
        switch self {
        case .behind(let position): writer.bulk(id: (position.high, position.low))
        case .behindLast: writer.bulk("$")
        }
    }
}
