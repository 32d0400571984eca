import Millrace
import MillraceTransportKit

/// Trims the streams that a transport publishes to, by its ``RedisRetention``, and spares what a group has not acknowledged.
final class RedisTrimmer: Sendable {
    private struct Topics {
        /// All that were published to.
        var known: Set<String> = []
        /// Those that were published to since the last look.
        var grown: Set<String> = []
    }

    /// How many entries one command removes at most, so that the server goes on serving others.
    private static let step = 100_000
    /// About how many entries a block has that the server removes as a whole.
    private static let block = 100

    private let retention: RedisRetention
    private let commands: RedisConnection
    private let clock: any SchedulingClock
    private let observers: AttachableObservers
    private let topics = Lock(Topics())
    private let isRefused = Lock(false)

    init(
        _ retention: RedisRetention, commands: RedisConnection, clock: any SchedulingClock, observers: AttachableObservers
    ) {
        self.retention = retention
        self.commands = commands
        self.clock = clock
        self.observers = observers
    }

    /// Something was published to a topic.
    func note(_ topic: String) {
        topics.withLock { topics in
            if topics.grown.insert(topic).inserted { topics.known.insert(topic) }
        }
    }

    /// Trims from time to time, until the task is cancelled.
    func run() async {
        while (try? await clock.sleep(for: retention.interval)) != nil {
            let topics = topics.withLock { topics in
                defer { topics.grown = [] }
                // What has grown too old is trimmed without anything new.
                return retention.maximumAge == nil ? topics.grown : topics.known
            }
            guard !topics.isEmpty else { continue }
            do {
                let limit = try await ageLimit()
                for topic in topics {
                    do { try await trim(topic, before: limit) } catch { note(topic) }
                }
            } catch {
                // What fails is tried again: the topics are as long as they were.
                for topic in topics { note(topic) }
            }
        }
    }

    /// Before which entry all are too old; nil when there is no such bound, or it can't be told. Entries have their ids from the server's
    /// clock, and that alone can say how old they are.
    private func ageLimit() async throws -> Position? {
        guard let maximumAge = retention.maximumAge else { return nil }
        do {
            let time = try await commands.time().time
            isRefused.withLock { $0 = false }
            return Position(high: UInt64(max(0, time - maximumAge.nanosecondsClamped / 1_000_000)), low: 0)
        } catch let refusal as TimeRefused {
            let isNew = isRefused.withLock { isRefused in
                defer { isRefused = true }
                return !isRefused
            }
            if isNew { report(refusal) }
            return nil
        }
    }

    private func report(_ refusal: TimeRefused) {
        observers.report(
            .warning,
            .log(
                message: "nothing is trimmed by its age: the server does not tell the time", handler: nil,
                fields: [("transport", "redis"), ("server", "\(refusal.server)"), ("error", .text(refusal.reason))]))
    }

    private func trim(_ topic: String, before oldest: Position?) async throws {
        let maximumLength = retention.trimsUnacknowledged ? nil : retention.maximumLength
        guard oldest != nil || maximumLength != nil else { return }
        let needed = retention.trimsUnacknowledged ? nil : try await lowestNeeded(of: topic)
        if let oldest { try await remove(from: topic, before: min(needed ?? oldest, oldest), atMost: nil) }
        guard let maximumLength else { return }
        let excess = try await length(of: topic) - maximumLength
        guard excess > 0 else { return }
        let left = try await remove(from: topic, before: needed ?? Position(high: .max, low: .max), atMost: excess)
        // What is spared now can go when it is acknowledged, also without anything new.
        if left >= Self.block { note(topic) }
    }

    /// The lowest entry that some group has still to handle, or somewhat lower; nil when there is no group.
    ///
    /// Not all of it is asked in one step, which does no harm: it only ever rises, but for groups that are made meanwhile.
    private func lowestNeeded(of topic: String) async throws -> Position? {
        let groups = try await commands.run { writer in
            RedisCommands.groups(of: topic, into: &writer)
        } read: { reply in
            // Whoever can't see the groups must not trim; a stream that is not there yet has none.
            if let error = reply.error, !error.hasPrefix("ERR no such key") { throw RedisError.make(error, topic: topic) }
            return RedisGroupInfo.all(in: reply)
        }
        var lowest: Position?
        for group in groups {
            var needed = group.lastDelivered
            if group.pending > 0 {
                let pending = try await commands.run { writer in
                    RedisCommands.pendingSummary(group: group.name, of: topic, into: &writer)
                } read: { reply in
                    if let error = reply.error { throw RedisError.make(error, topic: topic) }
                    return reply.element(1) { $0.entryID }
                }
                needed = min(needed, pending ?? needed)
            }
            lowest = min(lowest ?? needed, needed)
        }
        return lowest
    }

    private func length(of topic: String) async throws -> Int {
        try await commands.run { writer in
            writer.command(arguments: 2)
            writer.bulk("XLEN")
            writer.bulk(topic)
        } read: { reply in
            if let error = reply.error { throw RedisError.make(error, topic: topic) }
            return Int(messages: reply.integer ?? 0)
        }
    }

    /// Removes the oldest entries, in whole blocks, as long as they are before a position. Returns how many of `count` it left.
    @discardableResult
    private func remove(from topic: String, before limit: Position, atMost count: Int?) async throws -> Int {
        var left = count ?? .max
        while left > 0 {
            let step = min(left, Self.step)
            let removed = try await commands.run { writer in
                writer.command(arguments: 7)
                writer.bulk("XTRIM")
                writer.bulk(topic)
                writer.bulk("MINID")
                writer.bulk("~")
                writer.bulk(id: (limit.high, limit.low))
                writer.bulk("LIMIT")
                writer.bulk(step)
            } read: { reply in
                if let error = reply.error { throw RedisError.make(error, topic: topic) }
                return reply.integer ?? 0
            }
            guard removed > 0 else { break }
            left -= removed
        }
        return max(0, left)
    }
}
