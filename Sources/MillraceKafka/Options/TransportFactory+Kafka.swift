public import Millrace
import MillraceTransportKit

extension TransportFactory {
    /// Apache Kafka: `kafka://`, `kafkas://` (TLS), with the options of `KafkaOptions`.
    public static var kafka: TransportFactory {
        TransportFactory(
            "kafka", schemes: KafkaOptions.schemes, example: "kafka://127.0.0.1:9092", options: KafkaOptions.table.help
        ) { url, context in
            try await KafkaTransport(KafkaOptions(url: url), clock: context.clock, observers: context.observers)
        }
    }
}
