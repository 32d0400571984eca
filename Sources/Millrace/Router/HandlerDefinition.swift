/// A handler as it was registered: data that the router runs, describes and reports on.
struct HandlerDefinition: Sendable {
    /// Where outputs go.
    struct Output: Sendable {
        var topic: String
        var publisher: any Publisher
    }

    /// What is called.
    enum Body: Sendable {
        case message(Chain.Body)
        case batch(BatchWorker.Body, upTo: Int, within: Duration, in: BatchLayers)
    }

    let name: String
    var topic: String
    var subscriber: any Subscriber
    var output: Output?
    /// Where outputs with topics of their own go.
    var publisher: (any Publisher)?
    var options: HandlerOptions
    let body: Body

    /// The name of the service that it is a part of; nil if there is none.
    var service: String?

    var group: String? { options.group.name(for: name, of: service) }

    var system: String { (subscriber as? any Transport)?.system ?? "\(type(of: subscriber))" }

    var isBatch: Bool { if case .batch = body { true } else { false } }

    /// Those of the layers that stand around the handler: all around one of single messages. Throws a ``MillraceError`` of code
    /// `unsupported` that names what can't stand around batches.
    func standing(_ layers: [any Middleware]) throws -> [any Middleware] {
        guard case .batch(_, _, _, let wanted) = body else { return layers }
        return try wanted.of(layers, for: name)
    }

    var subscription: SubscriptionOptions {
        SubscriptionOptions(
            group: group, prefetch: options.effectivePrefetch, ordered: options.ordered, lease: options.lease,
            start: options.start, transactional: options.transactional)
    }

    /// Whether outputs go to the transport that is read from.
    var publishesWhereItReads: Bool {
        guard let publisher = publisher as? any Publisher & AnyObject,
            let subscriber = subscriber as? any Subscriber & AnyObject
        else { return false }
        return ObjectIdentifier(publisher) == ObjectIdentifier(subscriber)
    }

    /// Has all outputs go elsewhere; does nothing for a handler that has none.
    mutating func send(to publisher: any Publisher) {
        guard self.publisher != nil else { return }
        self.publisher = publisher
        output?.publisher = publisher
    }

    /// Gives a batch handler that says nothing of it room for all the batches that it handles at once.
    mutating func completePrefetch() {
        guard case .batch(_, let limit, _, _) = body, options.prefetch == nil else { return }
        let (wanted, overflow) = limit.multipliedReportingOverflow(by: options.concurrency)
        options.prefetch = max(options.effectivePrefetch, overflow ? .max : wanted)
    }

    /// Has what is wrong with a part say whose part it is.
    private func located(_ place: String, _ check: () throws -> Void) throws {
        do {
            try check()
        } catch let error as MillraceError {
            throw MillraceError(error.code, "\(place): \(error.message)", underlying: error.underlying, isRetriable: false)
        }
    }

    func validate() throws {
        let subject = "handler '\(name)'"
        try located("topic '\(topic.prefix(40))'") { try Naming.check(name, kind: "handler", code: .invalidOption) }
        try located(subject) { try Naming.checkTopic(topic) }
        if let output { try located("\(subject): output") { try Naming.checkTopic(output.topic) } }
        try options.validate(for: name)
        try located("\(subject), topic '\(topic)'") { try subscription.validate() }
        try options.check(subscriber.capabilities, for: name, system: system)
        if options.transactional, group == nil || isBatch || publisher != nil && !publishesWhereItReads {
            throw MillraceError.invalidOption(
                "transactional", true,
                bound: "false unless the handler belongs to a group, takes single messages, and publishes to the transport "
                    + "that it reads from", of: subject)
        }
        guard case .batch(_, let limit, let wait, _) = body else { return }
        guard limit >= 1 else { throw MillraceError.invalidOption("upTo", limit, bound: "at least 1", of: subject) }
        guard limit <= options.effectivePrefetch else {
            throw MillraceError.invalidOption(
                "upTo", limit, bound: "at most the prefetch of \(options.effectivePrefetch)", of: subject)
        }
        guard wait >= .zero else { throw MillraceError.invalidOption("within", wait, bound: "at least 0", of: subject) }
    }
}
