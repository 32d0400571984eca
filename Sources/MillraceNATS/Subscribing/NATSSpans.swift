import Millrace

// The conventions have no attributes of NATS. Of wildcards, spans say which subject it was.

extension NATSGroupSubscription {
    func spanAttributes(of message: Message, at position: Position) -> [(String, SpanValue)] {
        NATSSpans.attributes(of: message, from: topic)
    }
}

extension NATSCopySubscription {
    func spanAttributes(of message: Message, at position: Position) -> [(String, SpanValue)] {
        NATSSpans.attributes(of: message, from: topic)
    }
}

extension NATSCoreSubscription {
    func spanAttributes(of message: Message, at position: Position) -> [(String, SpanValue)] {
        NATSSpans.attributes(of: message, from: topic)
    }
}

private enum NATSSpans {
    static func attributes(of message: Message, from topic: String) -> [(String, SpanValue)] {
        guard NATSNames.hasWildcards(topic) else { return [] }
        return MessagingAttributes.destination(message.metadata[MetadataKey.topic], outOf: topic)
    }
}
