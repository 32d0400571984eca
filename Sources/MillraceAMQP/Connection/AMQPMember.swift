import Millrace

/// Who lives on a connection, and comes back to it when it is up again. All is called on the connection's thread.
protocol AMQPMember: AnyObject {
    /// The connection is up: anew, or for whoever has just joined it.
    func connected()
    /// About a second has passed, or less.
    func tick(_ now: ClockInstant)
    /// The connection is closed for good.
    func ended()
}

extension AMQPMember {
    func tick(_ now: ClockInstant) {}
    func ended() {}
}
