import Millrace

extension SQLiteOptions {
    /// What a transport with these options can do.
    var capabilities: Capabilities {
        var capabilities: Capabilities = [
            .durable, .groups, .ordered, .orderedByKey, .orderedAcrossMembers, .nativeDelay, .delayedRetry, .attemptCount,
            .replay, .leases, .startAtPosition, .transactions,
        ]
        if synchronous == .full { capabilities.insert(.flushed) }
        if deadLetters != .drop { capabilities.insert(.deadLetters) }
        return capabilities
    }
}
