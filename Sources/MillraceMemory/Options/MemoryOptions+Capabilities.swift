import Millrace

extension MemoryOptions {
    /// What a transport with these options can do.
    var capabilities: Capabilities {
        var capabilities: Capabilities = [
            .groups, .ordered, .orderedByKey, .orderedAcrossMembers, .delayedRetry, .attemptCount, .leases,
        ]
        if alwaysRetains { capabilities.insert(.replay) }
        if deadLetters != .drop { capabilities.insert(.deadLetters) }
        if overflow == .wait { capabilities.insert(.backPressure) }
        return capabilities
    }
}
