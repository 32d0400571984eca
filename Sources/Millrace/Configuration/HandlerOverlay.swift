/// Lays the settings of a configuration over the handlers of a router, as they are registered.
final class HandlerOverlay: Sendable {
    private struct State {
        /// The handlers that were registered, by the settings that were meant for them.
        var handlers: [String: String] = [:]
        /// The middleware that the defaults speak of and that was found.
        var middleware: Set<String> = []
    }

    private let transports: ConnectedTransports
    private let state = Lock(State())

    init(_ transports: ConnectedTransports) { self.transports = transports }

    private var configuration: Configuration { transports.configuration }

    /// The router's middleware with the defaults. Once for all handlers, so that they go on sharing what they share.
    func configured(_ middleware: [any Middleware]) throws -> [any Middleware] {
        var layers = middleware
        try applyDefaults(to: &layers)
        return layers
    }

    private func applyDefaults(to layers: inout [any Middleware]) throws {
        let defaults = configuration.defaults
        for (name, node) in defaults.middleware {
            guard try layers.configure(name, node, at: defaults.place(ofMiddleware: name, node), transports) else { continue }
            state.withLock { _ = $0.middleware.insert(name) }
        }
    }

    /// A handler with its settings, and the layers around it: those of the router, and its own.
    func apply(
        to definition: HandlerDefinition, inside outer: [any Middleware]
    ) throws -> (definition: HandlerDefinition, layers: [any Middleware], place: ConfigurationPlace?) {
        var definition = definition
        let settings = try settings(for: definition.name)
        try configuration.defaults.apply(to: &definition.options)
        if let settings {
            try settings.apply(to: &definition.options)
            try move(&definition, settings)
        }
        var own = definition.options.middleware
        try applyDefaults(to: &own)
        var layers = outer + own
        for (name, node) in settings?.middleware ?? [] {
            guard let place = settings?.place(ofMiddleware: name, node) else { continue }
            guard try layers.configure(name, node, at: place, transports) else {
                throw place.error(
                    ": the handler has no such middleware"
                        + NearestName.hint(name, among: layers.configurationNames, label: "It has"))
            }
        }
        let names = try definition.standing(layers).configurationNames
        if let settings, let (name, node) = settings.middleware.first(where: { !names.contains($0.name) }) {
            throw settings.place(ofMiddleware: name, node).error(": the handler takes batches, and does without it")
        }
        return (definition, layers, settings?.place)
    }

    /// Gives a handler another transport or another topic.
    private func move(_ definition: inout HandlerDefinition, _ settings: HandlerSettings) throws {
        // Where input and output share a transport, they move together.
        let isShared = definition.publishesWhereItReads
        if let topic = settings.topic { definition.topic = topic }
        if let name = settings.transport {
            let transport = try transports[name]
            definition.subscriber = transport
            if isShared { definition.send(to: transport) }
        }
        guard definition.output != nil else {
            for (key, value) in [("to", settings.outputTopic), ("to-transport", settings.outputTransport)] where value != nil {
                throw settings.place.error(".\(key) is given, and the handler publishes nothing")
            }
            return
        }
        if let name = settings.outputTransport { definition.send(to: try transports[name]) }
        if let topic = settings.outputTopic { definition.output?.topic = topic }
    }

    // MARK: Names

    /// The settings that are meant for a handler: by its very name, or, when they come from the environment alone, which knows
    /// neither case nor punctuation, by a name that looks the same there.
    private func settings(for handler: String) throws -> HandlerSettings? {
        let exact = configuration.handlers.first { $0.name == handler }
        let wanted = EnvironmentOverrides.normalized(handler)
        let match =
            exact
            ?? configuration.handlers.first {
                $0.settings.variable != nil && EnvironmentOverrides.normalized($0.name) == wanted
            }
        guard let (name, settings) = match else { return nil }
        try state.withLock { state in
            if let other = state.handlers[name], other != handler, let variable = settings.variable {
                throw MillraceError(
                    .invalidConfiguration, "\(variable): means the handlers '\(other)' and '\(handler)'; rename one of them",
                    isRetriable: false)
            }
            state.handlers[name] = handler
        }
        return settings
    }

    /// Throws when there are settings for a handler, or defaults for middleware, that no handler has.
    func checkAllUsed(_ registered: [String]) throws {
        let state = state.withLock { $0 }
        if let (name, settings) = configuration.handlers.first(where: { state.handlers[$0.name] == nil }) {
            var place = settings.place
            place.variable = settings.variable
            throw MillraceError(
                .unknownHandler,
                "\(place): no handler of that name is registered"
                    + NearestName.hint(name, among: registered, label: "Registered"), isRetriable: false)
        }
        for (name, node) in configuration.defaults.middleware where !state.middleware.contains(name) {
            throw configuration.defaults.place(ofMiddleware: name, node).error(": no handler has such middleware")
        }
    }
}
