import Millrace

extension AMQPOptions {
    /// What a transport with these options can do.
    var capabilities: Capabilities {
        var capabilities: Capabilities = [.ordered, .orderedByKey, .nativeDelay, .delayedRetry, .attemptCount]
        if topology.isDurable { capabilities.insert(.durable) }
        if topology.hasGroups { capabilities.insert(.groups) }
        // A member that is active stays so, whatever it does with its leases.
        capabilities.insert(topology.hasSingleActiveConsumer ? .orderedAcrossMembers : .leases)
        if case .topicSuffix = deadLetters { capabilities.insert(.deadLetters) }
        return capabilities
    }
}
