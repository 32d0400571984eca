import Millrace

extension KafkaSubscription {
    /// Where the record lies, its key, and whether it is a tombstone.
    func spanAttributes(of message: Message, at position: Position) -> [(String, SpanValue)] {
        let partition = KafkaPartition(of: position)
        var attributes: [(String, SpanValue)] = [
            ("messaging.destination.partition.id", "\(partition.number)"),
            ("messaging.kafka.offset", .int(Int(clamping: position.low))),
        ]
        // What was not UTF-8 has been repaired, and other keys may look the same.
        if let key = message.key, !key.unicodeScalars.contains("\u{FFFD}") {
            attributes.append(("messaging.kafka.message.key", .string(key)))
        }
        if message.metadata[KafkaMetadata.tombstone] == "true" {
            attributes.append(("messaging.kafka.message.tombstone", true))
        }
        let name = plan.topics.name(of: partition)
        if plan.selection.isMany { return attributes + MessagingAttributes.destination(name, outOf: topic) }
        // A topic for retries has partitions and offsets of its own.
        if !name.isEmpty, name != topic { attributes.append(("messaging.destination.name", .string(name))) }
        return attributes
    }
}
