extension TransportKind {
    /// Starts the broker of a transport; nil for the one that has none.
    func start() async throws -> (any Broker)? {
        switch self {
        case .redis: try RedisBroker()
        default: throw FaultSuiteError("not yet")
        }
    }
}
