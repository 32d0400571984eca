import Millrace

extension RedisOptions {
    /// What a transport with these options can do.
    var capabilities: Capabilities {
        var capabilities: Capabilities = [
            .durable, .groups, .ordered, .orderedByKey, .delayedRetry, .attemptCount, .replay, .leases, .startAtPosition,
        ]
        if deadLetters != .drop { capabilities.insert(.deadLetters) }
        return capabilities
    }
}
