public import Millrace

extension CQRS {
    /// Several handlers on one subscription to one topic, so that they see its events in order: a read model that is made of
    /// several types of event, for example.
    ///
    /// The handlers of an event are called one after the other, as they are written. When one throws, those after it are not
    /// called; what those before it publish leaves, and when the event is handled again it goes on with the one that has thrown.
    /// If the process ends in between, or another one gets the event, this is known only if `progress` is a store that they share.
    ///
    /// - Parameters:
    ///   - name: The handler's name in the router, and its consumer group.
    ///   - topic: The topic. Defaults to that of the events, which must be the same for all.
    ///   - options: Concurrency, order, middleware and the like. Not `transactional`.
    ///   - progress: Where it is kept which handlers are done with an event that failed. Defaults to the process's memory, 100,000 entries.
    ///   - window: For how long that is remembered. Defaults to 1 hour; at least 1 millisecond.
    ///   - handlers: The handlers.
    public func group(
        _ name: String, from topic: String? = nil, options: HandlerOptions = .init(),
        progress: any DeduplicationStore = InMemoryDeduplicationStore(), remembering window: Duration = .seconds(3_600),
        @EventGroupBuilder _ handlers: () -> [OnEvent]
    ) -> CQRSHandler {
        let handlers = handlers()
        let topics = Set(handlers.map { self.topics.topic(of: $0.type) })
        let group = EventGroup(
            handlers, self, GroupProgress(progress, handler: name, window: window, trustsAttempts: countsAttempts))
        return CQRSHandler(
            name: name, types: group.types, topic: topic ?? topics.min() ?? "", options: options, cqrs: self,
            check: {
                try group.validate(name)
                guard topic != nil || topics.count == 1 else {
                    throw MillraceError.invalidOption(
                        "from", "nil",
                        bound: "stated, as the events have different topics: \(topics.sorted().joined(separator: ", "))",
                        of: "event group '\(name)'")
                }
                guard !options.transactional else {
                    throw MillraceError.invalidOption(
                        "transactional", true, bound: "false, as handlers are done one by one", of: "event group '\(name)'")
                }
                guard window >= .milliseconds(1) else {
                    throw MillraceError.invalidOption(
                        "remembering", window, bound: "at least 1 millisecond", of: "event group '\(name)'")
                }
            },
            body: group.handle)
    }

    private var countsAttempts: Bool { subscriber.capabilities.contains(.attemptCount) }
}
