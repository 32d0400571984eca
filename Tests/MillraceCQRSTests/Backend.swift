import Millrace
import MillraceCQRS
import MillraceMemory
import MillraceRedis
import MillraceSQLite
import MillraceTesting
import TestSupport

/// The transports that requests are tested on.
enum Backend: CaseIterable {
    case memory
    case sqlite
    case redis

    /// Runs a bus and a router on a broker, with what `register` registers, and removes the topics afterwards.
    func run(
        _ options: CQRSOptions = .quiet, middleware: [any Middleware] = [],
        register: (CQRS, Router) throws -> Void, body: (CQRS, any Transport) async throws -> Void
    ) async throws {
        let prefix = "cqrs-\(MessageID.next())."
        let folder = try TemporaryFolder()
        let broker: any Transport
        switch self {
        case .memory: broker = MemoryTransport(observers: Observers([]))
        case .sqlite: broker = try await SQLiteTransport(path: folder.file("bus.db"), observers: Observers([]))
        case .redis: broker = try await RedisTransport(url: TestRedis.url, observers: Observers([]))
        }
        let cqrs = CQRS(on: broker, topics: .perType(prefix: prefix), options)
        let router = Router(.quiet([cqrs])) { middleware }
        try register(cqrs, router)
        let result: Result<Void, any Error>
        do {
            try await withRunning(router) { try await body(cqrs, broker) }
            result = .success(())
        } catch {
            result = .failure(error)
        }
        if let administration = broker as? any TransportAdministration {
            for handler in router.describe().handlers { try await administration.remove(topic: handler.topic) }
        }
        await broker.close()
        try result.get()
    }
}
