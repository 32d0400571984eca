/// The faults of the matrix.
enum FaultKind: String, CaseIterable, Codable {
    /// None: what the suite itself sees without a fault.
    case none
    /// A consumer is killed, and another one started in its place.
    case killConsumer = "kill-consumer"
    /// A consumer stands still for longer than its lease, and goes on.
    case stopConsumer = "stop-consumer"
    /// The producer is killed, and another one started in its place.
    case killProducer = "kill-producer"
    /// The broker is restarted in good order.
    case brokerRestart = "broker-restart"
    /// The broker is killed and started again.
    case brokerKill = "broker-kill"
    /// Connections are cut.
    case cut
    /// Nothing passes, and no connection is closed.
    case halfOpen = "half-open"
    /// Everything takes longer.
    case latency
    /// A handler takes longer than the lease.
    case slowHandler = "slow-handler"
    /// Consumers are replaced one after another, in good order.
    case rollingRestart = "rolling-restart"
    /// Another client publishes what Millrace does not know.
    case garbage

    /// How often it happens in a cell.
    func rounds(short: Bool) -> Int {
        switch self {
        case .none, .slowHandler: 0
        case .latency, .rollingRestart, .halfOpen, .brokerRestart, .brokerKill: short ? 1 : 2
        case .killConsumer, .stopConsumer, .killProducer, .cut, .garbage: short ? 1 : 3
        }
    }
}
