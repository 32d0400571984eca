import Millrace

extension KafkaOptions {
    /// What a transport with these options can do.
    var capabilities: Capabilities {
        var capabilities: Capabilities = [
            .durable, .groups, .orderedByKey, .orderedAcrossMembers, .delayedRetry, .attemptCount, .replay, .startAtPosition,
            .transactions,
        ]
        if deadLetters != .drop { capabilities.insert(.deadLetters) }
        return capabilities
    }
}
