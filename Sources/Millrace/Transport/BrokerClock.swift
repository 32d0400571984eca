/// A transport that knows what time it is at its broker: the one clock that all who use the broker share.
///
/// Clocks of machines differ. A time that one process writes and another one judges, such as until when a request is waited for, has to be
/// told by a clock that both of them read. Where there is none, such a time is no more than a hint.
///
/// A decorator of a transport hands the time through, or leaves it out: nobody relies on it then.
public protocol BrokerClock: Sendable {
    /// The time at the broker, in milliseconds since 1970, to about the time that a message takes there and back; nil while it is not known.
    /// Cheap: nobody is asked for it.
    var brokerTime: Int64? { get }
}
