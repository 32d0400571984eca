#if ServiceLifecycle
public import Millrace
public import ServiceLifecycle

/// A router as a service of swift-service-lifecycle. Made by `router.service()`.
///
/// A graceful shutdown drains the router: `run()` returns when its handlers have finished and all is published and acknowledged.
/// The router takes no signals of its own; which ones shut the group down is the group's to say.
///
/// When its task is cancelled, it drains as well. When that happens while it drains already, because somebody has lost patience,
/// its handlers are cancelled at once, and their messages go back without counting an attempt.
public struct RouterService: Service {
    private let router: Router

    init(_ router: Router) { self.router = router }

    /// Runs the router until it has drained. Throws what `Router.run(stoppingOn:)` throws.
    public func run() async throws {
        try await withTaskCancellationHandler {
            try await withGracefulShutdownHandler {
                try await router.run(stoppingOn: [])
            } onGracefulShutdown: {
                router.shutdown()
            }
        } onCancel: {
            router.cutOffIfDraining()
        }
    }
}

extension RouterService: CustomStringConvertible {
    /// What a group calls it in its log.
    public var description: String { "Millrace.Router" }
}

extension Router {
    /// The router as a service, to be run by a `ServiceGroup` instead of by `run(stoppingOn:)`.
    ///
    /// ```swift
    /// let group = ServiceGroup(
    ///     services: [database, router.service(), server], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
    /// try await group.run()
    /// await broker.close()
    /// ```
    ///
    /// A group shuts its services down one after the other, the last one first. So the router stands behind what its handlers
    /// use, and before what publishes to its topics. A router runs once, and so does its service.
    public func service() -> RouterService { RouterService(self) }
}
#else
/// A router as a service of swift-service-lifecycle. There is no such package without the trait `ServiceLifecycle`.
@available(*, unavailable, message: "name the trait 'ServiceLifecycle' where your Package.swift depends on millrace")
public struct RouterService {}
#endif
