import Millrace

/// Something that retention does not keep.
struct RetentionStep: Sendable {
    let topic: Int64
    let name: String
    /// The last position that may go.
    let upTo: Int64
    /// What is as young as this stays, in milliseconds since 1970.
    let before: Int64
    /// Up to where all groups have acknowledged; nil without groups.
    let acknowledged: Int64?

    /// What has to go at a time. Reads, and changes nothing.
    static func all(_ retention: SQLiteRetention, in store: SQLiteStore, at now: Int64) throws -> [RetentionStep] {
        guard retention.isNeeded else { return [] }
        var steps: [RetentionStep] = []
        var oldest: (at: Int64, topic: RetentionTable.Topic, ceiling: Int64, acknowledged: Int64?)?
        for topic in try store.retention.allTopics() {
            guard let first = try store.retention.first(of: topic.id) else { continue }
            let acknowledged = try store.retention.acknowledged(of: topic.id)
            func step(upTo: Int64, before: Int64 = .max) -> RetentionStep {
                RetentionStep(topic: topic.id, name: topic.name, upTo: upTo, before: before, acknowledged: acknowledged)
            }
            // Where nobody reads, nobody misses anything.
            let ceiling = retention.deletesUnacknowledged ? topic.last : acknowledged ?? topic.last
            if retention.deletesAcknowledged, let acknowledged, acknowledged >= first.position {
                steps.append(step(upTo: acknowledged))
            }
            if let length = retention.maximumLength {
                let upTo = min(ceiling, topic.last - Int64(length))
                if upTo >= first.position { steps.append(step(upTo: upTo)) }
            }
            if let age = retention.maximumAge {
                let before = now - age.nanosecondsClamped / 1_000_000
                if first.at < before, ceiling >= first.position { steps.append(step(upTo: ceiling, before: before)) }
            }
            if ceiling >= first.position, oldest.map({ first.at < $0.at }) ?? true {
                oldest = (first.at, topic, ceiling, acknowledged)
            }
        }
        if let bytes = retention.maximumBytes, let oldest {
            let excess = try store.retention.usedBytes() - Int64(bytes)
            if excess > 0 {
                let upTo = try store.retention.position(freeing: excess, of: oldest.topic.id, limit: limit)
                steps.append(
                    RetentionStep(
                        topic: oldest.topic.id, name: oldest.topic.name, upTo: min(oldest.ceiling, upTo), before: .max,
                        acknowledged: oldest.acknowledged))
            }
        }
        return steps
    }

    /// How many messages a transaction deletes at most, so that publishers do not wait for long.
    static let limit = 1_000

    /// Deletes, as far as one transaction should go. Returns how many messages went, and how many of them somebody misses.
    func run(in store: SQLiteStore) throws -> (deleted: Int, unacknowledged: Int) {
        let deleted = try store.retention.delete(upTo: upTo, of: topic, before: before, limit: Self.limit)
        guard deleted > 0, let acknowledged else { return (deleted, 0) }
        let gone = (try store.retention.first(of: topic)?.position ?? (try store.topics.last(of: topic) + 1)) - 1
        guard gone > acknowledged else { return (deleted, 0) }
        _ = try store.retention.forgetClaims(upTo: gone, of: topic)
        return (deleted, Int(gone - acknowledged))
    }
}
