public import Millrace

extension MemoryTransport: BrokerClock {
    /// The time of the transport's clock: broker and service are one process.
    public var brokerTime: Int64? { registry.clock.unixMilliseconds }
}
