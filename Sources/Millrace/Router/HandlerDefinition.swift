/// A handler as it was registered: data that the router runs, describes and reports on.
struct HandlerDefinition: Sendable {
    /// Where outputs go.
    struct Output: Sendable {
        let topic: String
        let publisher: any Publisher
    }

    /// What is called.
    enum Body: Sendable {
        case message(Chain.Body)
        case batch(@Sendable (HandlerBatch, HandlerContext) async throws -> Void, upTo: Int, within: Duration)
    }

    let name: String
    let topic: String
    let subscriber: any Subscriber
    let output: Output?
    /// Where outputs with topics of their own go.
    let publisher: (any Publisher)?
    let options: HandlerOptions
    let body: Body

    var group: String? {
        switch options.group {
        case .handlerName: name
        case .named(let group): group
        case .none: nil
        }
    }

    var system: String { (subscriber as? any Transport)?.system ?? "\(type(of: subscriber))" }

    var isBatch: Bool { if case .batch = body { true } else { false } }

    var subscription: SubscriptionOptions {
        SubscriptionOptions(
            group: group, prefetch: options.effectivePrefetch, ordered: options.ordered, lease: options.lease,
            start: options.start)
    }

    func validate() throws {
        try Naming.check(name, kind: "handler", code: .invalidOption)
        try Naming.checkTopic(topic)
        if let output { try Naming.checkTopic(output.topic) }
        try options.validate(for: name)
        try subscription.validate()
        try options.check(subscriber.capabilities, for: name, system: system)
        guard case .batch(_, let limit, let wait) = body else { return }
        let subject = "handler '\(name)'"
        guard limit >= 1 else { throw MillraceError.invalidOption("upTo", limit, bound: "at least 1", of: subject) }
        guard limit <= options.effectivePrefetch else {
            throw MillraceError.invalidOption(
                "upTo", limit, bound: "at most the prefetch of \(options.effectivePrefetch)", of: subject)
        }
        guard wait >= .zero else { throw MillraceError.invalidOption("within", wait, bound: "at least 0", of: subject) }
    }
}
