import Millrace

/// The commands on streams, as they are written.
enum RedisCommands {
    static func createGroup(_ group: String, of topic: String, start: RedisStart, into writer: inout RESPWriter) {
        writer.command(arguments: 6)
        writer.bulk("XGROUP")
        writer.bulk("CREATE")
        writer.bulk(topic)
        writer.bulk(group)
        start.write(to: &writer)
        writer.bulk("MKSTREAM")
    }

    static func readGroup(
        _ group: String, consumer: String, of topic: String, count: Int, block: Int, into writer: inout RESPWriter
    ) {
        writer.command(arguments: 11)
        writer.bulk("XREADGROUP")
        writer.bulk("GROUP")
        writer.bulk(group)
        writer.bulk(consumer)
        writer.bulk("COUNT")
        writer.bulk(count)
        writer.bulk("BLOCK")
        writer.bulk(block)
        writer.bulk("STREAMS")
        writer.bulk(topic)
        writer.bulk(">")
    }

    static func read(_ topic: String, after position: Position, count: Int, block: Int, into writer: inout RESPWriter) {
        writer.command(arguments: 8)
        writer.bulk("XREAD")
        writer.bulk("COUNT")
        writer.bulk(count)
        writer.bulk("BLOCK")
        writer.bulk(block)
        writer.bulk("STREAMS")
        writer.bulk(topic)
        writer.bulk(id: (position.high, position.low))
    }

    static func acknowledge(_ positions: [Position], group: String, of topic: String, into writer: inout RESPWriter) {
        writer.command(arguments: 3 + positions.count)
        writer.bulk("XACK")
        writer.bulk(topic)
        writer.bulk(group)
        for position in positions { writer.bulk(id: (position.high, position.low)) }
    }

    /// Acknowledges, and deletes what no other group has still to handle.
    static func acknowledgeAndDelete(
        _ positions: ArraySlice<Position>, group: String, of topic: String, into writer: inout RESPWriter
    ) {
        writer.command(arguments: 5 + positions.count)
        writer.bulk("EVAL")
        writer.bulk(RedisScript.acknowledgeAndDelete)
        writer.bulk("1")
        writer.bulk(topic)
        writer.bulk(group)
        for position in positions { writer.bulk(id: (position.high, position.low)) }
    }

    /// Whom a group's entries are with, in sum.
    static func pendingSummary(group: String, of topic: String, into writer: inout RESPWriter) {
        writer.command(arguments: 3)
        writer.bulk("XPENDING")
        writer.bulk(topic)
        writer.bulk(group)
    }

    /// What a consumer has had for at least `idle` milliseconds.
    static func pending(
        of consumer: String, group: String, in topic: String, idle: Int, count: Int, into writer: inout RESPWriter
    ) {
        writer.command(arguments: 9)
        writer.bulk("XPENDING")
        writer.bulk(topic)
        writer.bulk(group)
        writer.bulk("IDLE")
        writer.bulk(idle)
        writer.bulk("-")
        writer.bulk("+")
        writer.bulk(count)
        writer.bulk(consumer)
    }

    /// The groups of a stream, with what each has been handed and has not acknowledged.
    static func groups(of topic: String, into writer: inout RESPWriter) {
        writer.command(arguments: 3)
        writer.bulk("XINFO")
        writer.bulk("GROUPS")
        writer.bulk(topic)
    }

    /// Asks for one entry.
    static func entry(_ position: Position, of topic: String, into writer: inout RESPWriter) {
        writer.command(arguments: 4)
        writer.bulk("XRANGE")
        writer.bulk(topic)
        writer.bulk(id: (position.high, position.low))
        writer.bulk(id: (position.high, position.low))
    }

    /// Takes entries over from whoever has had them for at least `idle` milliseconds, and counts a delivery.
    static func claim(
        _ positions: [Position], for consumer: String, group: String, of topic: String, idle: Int,
        into writer: inout RESPWriter
    ) {
        writer.command(arguments: 5 + positions.count)
        claimHead(consumer, group, topic, idle, into: &writer)
        for position in positions { writer.bulk(id: (position.high, position.low)) }
    }

    /// Starts the lease of entries anew, without counting a delivery.
    static func renew(
        _ positions: [Position], for consumer: String, group: String, of topic: String, into writer: inout RESPWriter
    ) {
        writer.command(arguments: 6 + positions.count)
        claimHead(consumer, group, topic, 0, into: &writer)
        for position in positions { writer.bulk(id: (position.high, position.low)) }
        writer.bulk("JUSTID")
    }

    /// Puts entries into a consumer's hands with a count of deliveries, as if it had had them for `idle` milliseconds.
    static func assign(
        _ positions: [Position], to consumer: String, group: String, of topic: String, idle: Int, deliveries: Int,
        into writer: inout RESPWriter
    ) {
        writer.command(arguments: 10 + positions.count)
        claimHead(consumer, group, topic, 0, into: &writer)
        for position in positions { writer.bulk(id: (position.high, position.low)) }
        writer.bulk("IDLE")
        writer.bulk(idle)
        writer.bulk("RETRYCOUNT")
        writer.bulk(deliveries)
        writer.bulk("JUSTID")
    }

    private static func claimHead(
        _ consumer: String, _ group: String, _ topic: String, _ idle: Int, into writer: inout RESPWriter
    ) {
        writer.bulk("XCLAIM")
        writer.bulk(topic)
        writer.bulk(group)
        writer.bulk(consumer)
        writer.bulk(idle)
    }

    /// What a consumer has, with how long and how often.
    static func pending(
        of consumer: String, group: String, in topic: String, after position: Position? = nil, count: Int,
        into writer: inout RESPWriter
    ) {
        writer.command(arguments: 7)
        writer.bulk("XPENDING")
        writer.bulk(topic)
        writer.bulk(group)
        if let position { writer.bulk("(\(position.high)-\(position.low)") } else { writer.bulk("-") }
        writer.bulk("+")
        writer.bulk(count)
        writer.bulk(consumer)
    }

    /// Ends another connection, so that nothing is handed to it any more.
    static func kill(_ clientID: Int, into writer: inout RESPWriter) {
        writer.command(arguments: 4)
        writer.bulk("CLIENT")
        writer.bulk("KILL")
        writer.bulk("ID")
        writer.bulk(clientID)
    }

    static func unblock(_ clientID: Int, into writer: inout RESPWriter) {
        writer.command(arguments: 3)
        writer.bulk("CLIENT")
        writer.bulk("UNBLOCK")
        writer.bulk(clientID)
    }
}
