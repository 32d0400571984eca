/// What a configuration says of a handler, or of all of them; what it does not mention stays as the code has it.
struct HandlerSettings: Sendable {
    /// Where the settings stand.
    let place: ConfigurationPlace
    /// A variable that the settings come from, when the file does not speak of the handler.
    private(set) var variable: String?
    private(set) var transport: String?
    private(set) var topic: String?
    private(set) var outputTransport: String?
    private(set) var outputTopic: String?
    private var group: HandlerOptions.Group?
    private var concurrency: Int?
    private var ordered: Ordering?
    private var prefetch: Int?
    private var maximumAttempts: Int?
    private var lease: Duration?
    private var start: StartPosition?
    private var transactional: Bool?
    private var redelivery: BackoffSettings?
    /// The settings of middleware, by its configuration name. What they mean, the middleware knows.
    private(set) var middleware: [(name: String, node: ConfigurationNode)] = []

    /// Settings of nothing.
    init(at place: ConfigurationPlace) { self.place = place }

    /// The settings of one handler.
    init(handler node: ConfigurationNode, at place: ConfigurationPlace, transports: [String]) throws {
        self.init(at: place)
        variable = node.maker
        var section = try ConfigurationSection(node, at: place)
        transport = try section.takeName("transport", of: transports)
        topic = try section.takeTopic("topic")
        outputTransport = try section.takeName("to-transport", of: transports)
        outputTopic = try section.takeTopic("to")
        group = try section.takeGroup("group")
        try takeCommon(from: &section)
        try section.finish()
    }

    /// The settings of all handlers.
    init(defaults section: inout ConfigurationSection) throws {
        self.init(at: section.place)
        try takeCommon(from: &section)
    }

    private mutating func takeCommon(from section: inout ConfigurationSection) throws {
        concurrency = try section.takeNumber("concurrency", in: 1...HandlerOptions.maximumConcurrency)
        ordered = try section.takeChoice("ordered", ["by-transport": .byTransport, "by-key": .byKey])
        prefetch = try section.takeNumber("prefetch")
        maximumAttempts = try section.takeNumber("maximum-attempts")
        lease = try section.takeDuration("lease")
        start = try section.takeStart("start")
        transactional = try section.takeFlag("transactional")
        redelivery = try section.takeBackoffSettings("redelivery")
        guard let node = section.takeNode("middleware") else { return }
        let middleware = try ConfigurationSection(node, at: section.place(of: "middleware", node))
        for (name, node) in node.members ?? [] {
            _ = try ConfigurationSection(node, at: middleware.place(of: name, node))
            self.middleware.append((name, node))
        }
    }

    /// Where the settings of a piece of middleware stand.
    func place(ofMiddleware name: String, _ node: ConfigurationNode) -> ConfigurationPlace {
        ConfigurationPlace(
            source: place.source, path: place.path.appending("middleware").appending(name), variable: node.variable)
    }

    /// Lays the settings over a handler's options. Group and middleware are not options of all handlers, but do no harm.
    func apply(to options: inout HandlerOptions) throws {
        if let group { options.group = group }
        if let concurrency { options.concurrency = concurrency }
        if let ordered { options.ordered = ordered }
        if let prefetch { options.prefetch = prefetch }
        if let maximumAttempts { options.maximumAttempts = maximumAttempts }
        if let lease { options.lease = lease }
        if let start { options.start = start }
        if let transactional { options.transactional = transactional }
        if let redelivery { options.redelivery = try redelivery.applied(to: options.redelivery) }
    }
}

extension ConfigurationSection {
    /// Takes out one of some names.
    mutating func takeName(_ key: String, of names: [String]) throws -> String? {
        guard let node = takeNode(key) else { return nil }
        guard case .text(let name) = node.content, names.contains(name) else {
            throw invalid(key, node, "a transport of the configuration" + node.hint(among: names))
        }
        return name
    }

    fileprivate mutating func takeTopic(_ key: String) throws -> String? {
        guard let node = takeNode(key) else { return nil }
        guard case .text(let topic) = node.content else { throw invalid(key, node, "the name of a topic") }
        do {
            try Naming.checkTopic(topic)
        } catch let error as MillraceError {
            throw place(of: key, node).error(": \(error.message)")
        }
        return topic
    }

    /// Null stands for no group; in a variable, which has no null, nothing does.
    fileprivate mutating func takeGroup(_ key: String) throws -> HandlerOptions.Group? {
        guard let node = takeNode(key) else { return nil }
        switch node.content {
        case .null: return HandlerOptions.Group.none
        case .text("") where node.variable != nil: return HandlerOptions.Group.none
        case .text(let name) where (1...Naming.maximumTopicLength).contains(name.utf8.count): return .named(name)
        default: throw invalid(key, node, "text of 1 to \(Naming.maximumTopicLength) bytes, or null for no group")
        }
    }

    fileprivate mutating func takeStart(_ key: String) throws -> StartPosition? {
        guard let node = takeNode(key) else { return nil }
        guard case .text(let text) = node.content, let start = StartPosition(rawValue: text) else {
            throw invalid(key, node, "now, beginning, after:POSITION or time:MILLISECONDS")
        }
        return start
    }
}
