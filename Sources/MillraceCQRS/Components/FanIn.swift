public import Millrace

/// Brings the messages of several topics together in one.
///
/// ```swift
/// try router.register(FanIn("all-orders", from: ["orders.eu", "orders.us"], on: broker, to: "orders"))
/// ```
///
/// Messages keep their ids, keys, metadata and payloads. Each is a message of a handler, one for each topic, with the router's
/// middleware.
public struct FanIn: Sendable {
    let name: String
    let sources: [String]
    let subscriber: any Subscriber
    let target: String
    let publisher: any Publisher
    let options: HandlerOptions

    /// A fan-in on one transport.
    ///
    /// - Parameters:
    ///   - name: The beginning of its handlers' names: each topic that is read has one, `name.topic`. Also the consumer group of all of
    ///     them, if the options do not say otherwise.
    ///   - sources: The topics to read; at least one.
    ///   - broker: The transport to read from and to publish to.
    ///   - target: The topic that messages go to; none of the sources.
    ///   - options: Concurrency, order, middleware and the like.
    public init(
        _ name: String, from sources: [String], on broker: any Transport, to target: String, options: HandlerOptions = .init()
    ) {
        self.init(name, from: sources, on: broker, to: target, publishingOn: broker, options: options)
    }

    /// A fan-in that reads from one transport and publishes to another. Then the target may have the name of a source.
    public init(
        _ name: String, from sources: [String], on subscriber: any Subscriber, to target: String,
        publishingOn publisher: any Publisher, options: HandlerOptions = .init()
    ) {
        self.name = name
        self.sources = sources
        self.subscriber = subscriber
        self.target = target
        self.publisher = publisher
        var options = options
        if options.group == .handlerName { options.group = .inService(name) }
        self.options = options
    }

    /// Throws a `MillraceError` that names the fan-in, the field, its value and its bound.
    func validate() throws {
        let subject = "fan-in '\(name)'"
        guard !sources.isEmpty else {
            throw MillraceError.invalidOption("from", "empty", bound: "at least one topic", of: subject)
        }
        if let twice = sources.firstRepeated {
            throw MillraceError.invalidOption("from", "with '\(twice)' twice", bound: "different topics", of: subject)
        }
        guard !sources.contains(target) || subscriber as AnyObject !== publisher as AnyObject else {
            throw MillraceError.invalidOption("to", "'\(target)'", bound: "another topic than those it reads", of: subject)
        }
    }
}

extension Router {
    /// Registers a fan-in: a handler for each of its sources. Starts them when the router runs already.
    ///
    /// Throws a `MillraceError`: `invalidOption`, and what `Router.handle` throws; handlers of sources that were in order before are
    /// registered then.
    public func register(_ fanIn: FanIn) throws {
        try fanIn.validate()
        for source in fanIn.sources {
            try handle(
                "\(fanIn.name).\(source)", from: source, on: fanIn.subscriber, to: fanIn.target,
                publishingOn: fanIn.publisher, options: fanIn.options
            ) { message, _ in
                var message = message
                message.metadata[MetadataKey.topic] = nil
                return Outputs(message)
            }
        }
    }
}
