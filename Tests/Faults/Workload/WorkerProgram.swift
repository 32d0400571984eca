import Millrace
import MillraceAMQP
import MillraceKafka
import MillraceNATS
import MillraceRedis
import MillraceSQLite

/// This program as a worker: a process of its own, which may be killed, with nothing but public API of Millrace in it.
enum WorkerProgram {
    static let registry = TransportRegistry(.sqlite, .redis, .kafka, .nats, .amqp)

    static func run(_ job: WorkerJob, url: String) async throws {
        let log = ConsoleLog(level: .info)
        let transport = try await registry.connect(url, observers: Observers([log]))
        try await job.run(on: transport, WorkerJob.makeRouter([log]), stoppingOn: [.terminate])
        await transport.close()
    }
}
