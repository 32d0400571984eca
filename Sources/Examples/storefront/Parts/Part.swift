import Millrace
import MillraceCQRS

/// A part of the shop. Parts know each other's messages, and nothing else of each other.
protocol Part: Sendable {
    func register(_ cqrs: CQRS, on router: Router) throws
}

extension HandlerOptions {
    /// Several orders at once, the messages of each one after the other. Should the program be killed, what it had in hand comes back
    /// when the lease is over.
    static var perOrder: HandlerOptions { HandlerOptions(concurrency: 4, ordered: .byKey, lease: .seconds(5)) }
}
