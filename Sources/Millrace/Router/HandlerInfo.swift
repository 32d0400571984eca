/// What middleware is told of a handler when it is attached to it.
public struct HandlerInfo: Sendable {
    /// The handler's name.
    public let name: String
    /// The topic that it reads.
    public let topic: String
    /// The consumer group; nil for a handler without one.
    public let group: String?
    /// The handler's output topic; nil for a consumer.
    public let outputTopic: String?
    /// The kind of transport that it reads from.
    public let system: String
    /// What that transport can do.
    public let capabilities: Capabilities
    /// The options that it was registered with.
    public let options: HandlerOptions
    /// The router's clock.
    public let clock: any SchedulingClock
    /// Everyone who wants to know what happens.
    public let observers: Observers
    /// Stops and starts the handler's fetching.
    public let control: HandlerControl

    init(_ definition: HandlerDefinition, environment: RouterEnvironment, control: HandlerControl) {
        name = definition.name
        topic = definition.topic
        group = definition.group
        outputTopic = definition.output?.topic
        system = definition.system
        capabilities = definition.subscriber.capabilities
        options = definition.options
        clock = environment.clock
        observers = environment.observers
        self.control = control
    }
}
