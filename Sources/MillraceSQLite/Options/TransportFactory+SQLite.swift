public import Millrace
import MillraceTransportKit

extension TransportFactory {
    /// Topics in a file: `sqlite:orders.db`, with the options of `SQLiteOptions`.
    public static var sqlite: TransportFactory {
        TransportFactory("sqlite", schemes: ["sqlite"], example: "sqlite:orders.db", options: SQLiteOptions.table.help) {
            url, context in
            try await SQLiteTransport(SQLiteOptions(url: url), clock: context.clock, observers: context.observers)
        }
    }
}
