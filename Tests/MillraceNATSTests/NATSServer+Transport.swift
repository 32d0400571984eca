import Millrace
import MillraceNATS
import TestSupport

extension NATSServer {
    /// Options that reach it.
    var options: NATSOptions { NATSOptions(servers: ["127.0.0.1:\(port)"]) }

    func connect(_ observers: Observers = Observers(), _ change: (inout NATSOptions) -> Void = { _ in }) async throws
        -> NATSTransport
    {
        var options = options
        change(&options)
        return try await NATSTransport(options, observers: observers)
    }
}
