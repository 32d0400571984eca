extension Configuration {
    /// What stands in a place of ``topology()`` that the configuration leaves to the code.
    package static let leftToCode = "(code)"

    /// The handlers that the configuration speaks of, with their settings; the service has them all, and may have more. What it
    /// does not mention has its default, or is ``leftToCode``: the code may say otherwise.
    ///
    /// - Throws: A ``MillraceError`` of code `invalidConfiguration`, for settings out of their bounds.
    package func topology() throws -> Topology {
        Topology(
            handlers: try handlers.map { name, settings in
                var options = HandlerOptions()
                try defaults.apply(to: &options)
                try settings.apply(to: &options)
                return Topology.Handler(
                    name: name, topic: settings.topic ?? Self.leftToCode,
                    transport: settings.transport ?? defaultTransport ?? Self.leftToCode,
                    group: options.group.name(for: name, of: router.service),
                    output: settings.outputTopic, options: options,
                    middleware: (defaults.middleware + settings.middleware).map(\.name).reduce(into: []) { names, name in
                        if !names.contains(name) { names.append(name) }
                    })
            })
    }

    /// The transport of handlers that name none; nil when there are several and none is named.
    package var defaultTransportName: String? { defaultTransport }
}
