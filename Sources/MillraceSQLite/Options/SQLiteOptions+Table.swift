import MillraceTransportKit

extension SQLiteOptions {
    /// The options of URLs, with their bounds, which hold in code as well.
    static let table = OptionTable(defaults: SQLiteOptions(path: "")) {
        Option(
            "synchronous", \.synchronous, ["full": .full, "normal": .normal],
            "When a commit is on disk. `full`: what was accepted has been flushed to it. `normal`: it survives the process, but its "
                + "last moments may be lost in a power failure; the file stays usable.")
        Option("create", \.createsFile, "Whether to make the file when it is not there.")
        Option(
            "busy-timeout", \.busyTimeout, atLeast: .milliseconds(1),
            "How long to wait for the lock when another process has it.")
        Option(
            "poll-interval", \.pollInterval, atLeast: .milliseconds(1),
            "How often to look for what other processes have written.")
        Option(
            "care-interval", \.careInterval, atLeast: .milliseconds(1),
            "How often to look for members that have died, and for what is to be deleted.")
        Option(
            "maximum-pending", \.maximumPending, 1...,
            "How many published messages may wait for their commit; publishers wait for room.")
        Option(
            "maximum-size", \.maximumSize, 65_536..., "The most bytes of the file. What does not fit is refused with `overflow`.",
            ifNone: "the disk's")
        Option(group: \.group)
        Option(deadLetters: \.deadLetters, DeadLetters.topicSuffix, orDrop: .drop) {
            if case .topicSuffix(let suffix) = $0 { suffix } else { nil }
        }
        SQLiteRetention.table.nested(in: \.retention)
        Option("inbox-age", \.inboxAge, atLeast: .seconds(1), "For how long inboxes remember what they have seen.")
    }
}

extension SQLiteRetention {
    static let table = OptionTable(defaults: SQLiteRetention()) {
        Option("maximum-length", \.maximumLength, 1..., "How many messages a topic keeps.", ifNone: "any number")
        Option("maximum-age", \.maximumAge, atLeast: .milliseconds(1), "For how long messages are kept.", ifNone: "for ever")
        Option(
            "maximum-bytes", \.maximumBytes, 65_536...,
            "How many bytes of the file may be in use; beyond that, the oldest messages of all topics go.", ifNone: "any number")
        Option(
            "delete-acknowledged", \.deletesAcknowledged,
            "Whether a message goes when all groups have acknowledged it. A topic without groups keeps everything.")
        Option(
            "delete-unacknowledged", \.deletesUnacknowledged,
            "Whether the bounds hold for what is not acknowledged as well. What is lost is reported as `messagesDropped`.")
    }
}
