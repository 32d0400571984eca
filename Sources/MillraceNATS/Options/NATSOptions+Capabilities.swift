import Millrace

extension NATSOptions {
    /// What a transport with these options can do.
    var capabilities: Capabilities {
        var capabilities: Capabilities = [.ordered, .orderedByKey, .delayedRetry, .attemptCount, .leases]
        if mode == .jetStream {
            capabilities.formUnion([.groups, .nativeDelay, .replay, .startAtPosition])
            if newStreams?.storage != .memory { capabilities.insert(.durable) }
        } else {
            capabilities.insert(.liveGroups)
        }
        if deadLetters != .drop { capabilities.insert(.deadLetters) }
        return capabilities
    }
}
