public import Millrace
import MillraceTransportKit

extension TransportFactory {
    /// In-process channels: `memory:`, with the options of `MemoryOptions`. Each URL that is connected has topics of its own.
    public static var memory: TransportFactory {
        TransportFactory("memory", schemes: ["memory"], options: MemoryOptions.table.help) { url, context in
            try MemoryTransport(MemoryOptions(url: url), clock: context.clock, observers: context.observers)
        }
    }
}
