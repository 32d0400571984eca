import TestSupport
import Testing

/// The brokers that an example is run on.
enum Broker: String, CaseIterable, CustomTestStringConvertible {
    case memory, sqlite, redis, kafka, nats, amqp

    var testDescription: String { rawValue }

    /// Those that keep messages when the program is killed.
    static let durable = allCases.filter { $0 != .memory }

    /// Its URL; starts it if that is to be done.
    func url(_ folder: TemporaryFolder) async throws -> String {
        switch self {
        case .memory: "memory:"
        case .sqlite: "sqlite:\(folder.file("broker.db"))?synchronous=normal"
        case .redis: try TestRedis.url
        case .kafka: try await KafkaMock.shared.url + "?session-timeout=6s&revoke-timeout=2s"
        case .nats: try await NATSServer.shared.url
        case .amqp: try await RabbitServer.shared.url
        }
    }
}
