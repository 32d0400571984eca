public import Millrace

extension SQLiteTransport: BrokerClock {
    /// The time of the transport's clock: all who share the file are on one machine.
    public var brokerTime: Int64? { core.clock.unixMilliseconds }
}
