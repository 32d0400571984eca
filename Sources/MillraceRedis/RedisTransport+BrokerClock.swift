public import Millrace

extension RedisTransport: BrokerClock {
    /// The server's time, as of each new connection, once a minute, and the time that has passed since; nil when the server does not say,
    /// and for a moment after the machine has slept or its clock was set.
    public var brokerTime: Int64? { serverClock.now }
}
