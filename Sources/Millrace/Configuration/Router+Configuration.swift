extension Router {
    /// A router whose handlers get the settings of a configuration, over those of the code, when they are registered.
    ///
    /// ```swift
    /// let transports = try await registry.connect(Configuration(file: "service.json"))
    /// let router = try Router(configuration: transports) { Retry(attempts: 5) }
    /// try router.consume("audit", from: "invoices", on: transports["main"]) { message, context in ... }
    /// ```
    ///
    /// ``run(stoppingOn:)`` refuses settings for a handler that was not registered by then. The router does not close the
    /// transports.
    ///
    /// - Parameters:
    ///   - transports: The configuration's transports. A handler may be moved to any of them.
    ///   - options: How the router runs and ends; the configuration's `router` is laid over them.
    ///   - middleware: Around all handlers, the outermost first; the configuration's `defaults` are laid over them.
    /// - Throws: A ``MillraceError`` of code `invalidConfiguration` that names the file and the key, and what `middleware` throws.
    public convenience init(
        configuration transports: ConnectedTransports, _ options: RouterOptions = .init(),
        @MiddlewareBuilder middleware: () throws -> [any Middleware] = { [] }
    ) throws {
        var options = options
        try transports.configuration.router.apply(to: &options)
        let overlay = HandlerOverlay(transports)
        self.init(options, try overlay.configured(middleware()), overlay: overlay)
    }
}
