public import Millrace
import MillraceTransportKit

extension TransportFactory {
    /// NATS, JetStream unless `mode=core` says otherwise: `nats://`, `natss://` (TLS), with the options of `NATSOptions`.
    public static var nats: TransportFactory {
        TransportFactory(
            "nats", schemes: NATSOptions.schemes, example: "nats://127.0.0.1:4222", options: NATSOptions.table.help
        ) { url, context in
            try await NATSTransport(NATSOptions(url: url), clock: context.clock, observers: context.observers)
        }
    }
}
