import Millrace
import MillraceTransportKit

/// The topics of a subscription to which messages go that are tried again: `<topic>.retry.<delay>`.
struct KafkaRetryTopics: Sendable {
    /// Whose messages they are.
    let group: String
    /// From the longest to the shortest.
    private let delays: [Duration]
    private let bases: [String: (base: String, delay: Duration)]

    /// Nil when the subscription has none.
    init?(_ options: KafkaOptions, _ selection: KafkaSelection, _ subscription: SubscriptionOptions) {
        guard let group = subscription.group, subscription.ordered == .byTransport, !options.retryTopics.isEmpty,
            !selection.isPattern, !subscription.transactional
        else { return nil }
        self.group = group
        delays = options.retryTopics.sorted(by: >)
        var bases: [String: (base: String, delay: Duration)] = [:]
        for base in selection.names { for delay in delays { bases[Self.name(base, delay)] = (base, delay) } }
        self.bases = bases
    }

    /// All of them.
    var names: [String] { bases.keys.sorted() }

    private static func name(_ base: String, _ delay: Duration) -> String { "\(base).retry.\(DurationText.text(of: delay))" }

    /// After how long messages of a topic come back; nil for one that is none of these.
    func delay(of topic: String) -> Duration? { bases[topic]?.delay }

    /// The topic that the messages of a topic were published to.
    func base(of topic: String) -> String { bases[topic]?.base ?? topic }

    /// Where a message of a topic goes that is tried again after a delay; nil when that is too short for all of them.
    func topic(after delay: Duration, of topic: String) -> String? {
        delays.first { $0 <= delay }.map { Self.name(base(of: topic), $0) }
    }

    /// What is written to such a topic, for a message that is to be tried again after a delay from now on, in milliseconds since 1970.
    func letter(of entry: DeliveryBuffer.Entry, after delay: Duration, now: Int64) -> Message {
        let delay = max(0, delay.nanosecondsClamped / 1_000_000)
        let (retryAt, overflow) = now.addingReportingOverflow(delay)
        var message = entry.message
        message.metadata[MetadataKey.attempt] = "\(entry.attempt + 1)"
        message.metadata[MetadataKey.retryAt] = "\(overflow ? .max : retryAt)"
        message.metadata[MetadataKey.retryDelay] = "\(delay)"
        message.metadata[MetadataKey.replayGroup] = group
        message.metadata[MetadataKey.topic] = nil
        // The delay counts from now.
        message.metadata[KafkaMetadata.timestamp] = nil
        return message
    }

    /// Takes off a message what ``letter(of:after:now:)`` has put on it. Nil when it is another group's.
    func open(_ message: inout Message) -> KafkaRetryLetter? {
        guard message.metadata[MetadataKey.replayGroup] ?? group == group else { return nil }
        let letter = KafkaRetryLetter(message.metadata)
        for key in KafkaRetryLetter.keys { message.metadata[key] = nil }
        return letter
    }
}
