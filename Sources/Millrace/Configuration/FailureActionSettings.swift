extension ConfigurationSection {
    /// Takes out the actions of a rule of a `FailurePolicy`; nil when the key is not there.
    ///
    /// Each is `"reject"`, `"drop"`, `"pause-handler"`, or an object with one key: `retry` or `retry-later` with `attempts` and
    /// `backoff`, or `dead-letter` with `topic` and `transport`. What an action does not mention is taken from the first one of
    /// its kind that the rule had, or from the defaults.
    mutating func takeActions(_ key: String, over old: [FailureAction]) throws -> [FailureAction]? {
        guard let node = takeNode(key) else { return nil }
        guard case .array(let items) = node.content, !items.isEmpty else {
            throw invalid(key, node, "an array of actions, at least 1")
        }
        return try items.enumerated().map { index, item in
            var place = place(of: key, item)
            place.path = place.path.appending(index)
            return try action(item, at: place, over: old.map(\.kind))
        }
    }

    private func action(
        _ node: ConfigurationNode, at place: ConfigurationPlace, over old: [FailureAction.Kind]
    ) throws -> FailureAction {
        switch node.content {
        case .text("reject"): return .reject
        case .text("drop"): return .drop
        case .text("pause-handler"): return .pauseHandler
        case .object(let members) where members.count == 1: break
        default:
            throw place.error(
                node.description,
                bound: "\"reject\", \"drop\", \"pause-handler\", or an object with retry, retry-later or dead-letter alone")
        }
        var section = try ConfigurationSection(node, at: place, transports: transports)
        let action =
            try section.takeSection("retry") { section in
                let known = old.lazy.compactMap(\.retry).first ?? (3, .exponential(from: .milliseconds(100), upTo: .seconds(10)))
                return FailureAction.retry(
                    attempts: try section.takeNumber("attempts", in: 2...Int.max) ?? known.attempts,
                    backoff: try section.takeBackoff("backoff", over: known.backoff) ?? known.backoff)
            }
            ?? section.takeSection("retry-later") { section in
                let known = old.lazy.compactMap(\.retryLater).first ?? (10, .exponential(from: .seconds(1), upTo: .seconds(300)))
                return FailureAction.retryLater(
                    attempts: try section.takeNumber("attempts", in: 2...Int.max) ?? known.attempts,
                    backoff: try section.takeBackoff("backoff", over: known.backoff) ?? known.backoff)
            }
            ?? section.takeSection("dead-letter") { section in
                let known = old.lazy.compactMap(\.deadLetter).first
                guard let topic = try section.takeText("topic") ?? known?.topic else {
                    throw section.place.error(".topic is missing, it must be the name of a topic")
                }
                guard let publisher = try section.takeTransport("transport") ?? known?.publisher else {
                    throw section.place.error(".transport is missing, it must be a transport of the configuration")
                }
                return FailureAction.deadLetter(topic, on: publisher)
            }
        try section.finish()
        guard let action else { throw place.error(node.description, bound: "an action") }
        return action
    }
}

extension FailureAction.Kind {
    fileprivate var retry: (attempts: Int, backoff: Backoff)? {
        if case .retry(let attempts, let backoff) = self { (attempts, backoff) } else { nil }
    }

    fileprivate var retryLater: (attempts: Int, backoff: Backoff)? {
        if case .retryLater(let attempts, let backoff) = self { (attempts, backoff) } else { nil }
    }

    fileprivate var deadLetter: DeadLetterTopic? { if case .deadLetter(let topic) = self { topic } else { nil } }
}
