import Millrace
import MillraceAMQP
import MillraceKafka
import MillraceNATS
import MillraceRedis
import MillraceSQLite

/// A process of the suite: this program again, as a producer or a consumer. What it claims is in its log.
///
///     faults produce --url URL --topic TOPIC --log FILE --seed N --run N --messages N --rate N
///     faults consume --url URL --topic TOPIC --log FILE --seed N --group GROUP --lease MS --slowness MS
enum Worker: String {
    case produce
    case consume

    static let registry = TransportRegistry(.sqlite, .redis, .kafka, .nats, .amqp)

    func run(_ words: [String]) async throws {
        var options = try CommandLineOptions(words)
        let (url, topic) = (try options.require("url"), try options.require("topic"))
        let log = try WorkLog(options.require("log"))
        let seed = UInt64(try options.takeNumber("seed", in: 0...Int.max) ?? 0)
        let observers = Observers([ConsoleLog(level: .info)])
        switch self {
        case .produce:
            let run = try options.takeNumber("run", in: 1...1_000) ?? 1
            let messages = try options.takeNumber("messages", in: 0...10_000_000) ?? 0
            let rate = try options.takeNumber("rate", in: 1...1_000_000) ?? 1_000
            try options.finish()
            let transport = try await Self.registry.connect(url, observers: observers)
            let work = ProducerWork(
                transport: transport, topic: topic, run: run, messages: messages, rate: rate, seed: seed, log: log)
            try await work.publishAll()
            await transport.close()
        case .consume:
            let group = try options.require("group")
            let lease = try options.takeNumber("lease", in: 1...3_600_000) ?? 30_000
            let slowness = try options.takeNumber("slowness", in: 0...3_600_000) ?? 0
            try options.finish()
            let transport = try await Self.registry.connect(url, observers: observers)
            let work = ConsumerWork(
                transport: transport, topic: topic, group: group, lease: .milliseconds(lease),
                slowness: .milliseconds(slowness), seed: seed, log: log)
            let router = Router(
                RouterOptions(
                    restart: .exponential(from: .milliseconds(100), upTo: .seconds(1)), observers: [ConsoleLog(level: .info)]))
            try await work.run(router, stoppingOn: [.terminate])
            await transport.close()
        }
    }
}
