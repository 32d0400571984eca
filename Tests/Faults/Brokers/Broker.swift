import Millrace
import MillraceTesting

/// The transports of the matrix.
enum TransportKind: String, CaseIterable, Codable {
    case memory
    case sqlite
    case redis
    case kafka
    case nats
    case amqp
    case amqpQuorum = "amqp-quorum"
}

/// A broker that the suite runs, and what can be done to it.
protocol Broker: AnyObject, Sendable {
    /// What workers connect to: through the proxy, where there is one.
    var url: String { get }
    /// The network between workers and broker; nil where there is none, or the broker tells its clients another address.
    var proxy: TCPProxy? { get }
    /// In whose hands the order of a key is kept.
    var scope: Oracle.OrderScope { get }
    /// How long after its death, or its silence, a member's messages are with others, at most.
    var takeover: Duration { get }
    /// Whether a worker that stands still may hold up all others, because it holds a lock.
    var sharesLock: Bool { get }
    /// Whether no member of a group can acknowledge anything from when another one has gone or come until ``takeover`` is over.
    var isGroupHeldUp: Bool { get }
    /// Why a fault can't be had here; nil when it can.
    func obstacle(to fault: FaultKind) -> String?

    /// Makes a topic, and its groups, so that they get what is published from now on.
    func prepare(topic: String, groups: [String]) async throws
    /// Starts a worker; what it prints goes to a file.
    func start(_ job: WorkerJob, output: String) throws -> any WorkerLife
    /// Ends the broker in good order, and starts it again on the same data.
    func restart() async throws
    /// Kills the broker, and starts it again on the same data.
    func crash() async throws
    /// Cuts connections of workers, at a place that is drawn.
    func cut(_ random: RandomSource) async throws
    /// Neither takes nor answers anything until ``recover()``; connections stay open.
    func hang() throws
    /// Adds a delay to everything, in both directions.
    func slow(by delay: Duration) throws
    /// Ends what ``hang()`` and ``slow(by:)`` have begun.
    func recover() throws
    /// Publishes so many records by another client that knows nothing of Millrace.
    func publishForeign(_ count: Int, to topic: String) async throws
}

/// How long a message may be with a consumer that does not answer: the lease of all cells.
let cellLease = Duration.seconds(2)

extension Broker {
    var sharesLock: Bool { false }
    var isGroupHeldUp: Bool { false }

    func prepare(topic: String, groups: [String]) async throws {
        let transport = try await WorkerProgram.registry.connect(url, observers: Observers())
        for group in groups { try await transport.prepare(topic: topic, group: group) }
        await transport.close()
    }

    func start(_ job: WorkerJob, output: String) throws -> any WorkerLife {
        try ProcessLife(job, url: url, output: output)
    }

    /// Cuts one connection in the midst of what is on its way, and then all.
    func cut(_ random: RandomSource) async throws {
        guard let proxy else { throw FaultSuiteError("there is no proxy to cut connections") }
        for _ in 0..<2 {
            let before = proxy.cutCount
            proxy.cut(afterBytes: 1 + Int(random.next() % 20_000))
            try await waiting(for: "a cut in the midst", seconds: 20) { proxy.cutCount > before }
            try await SystemClock.shared.sleep(for: random.duration(upTo: .milliseconds(300)))
        }
        proxy.cutAll()
    }

    func hang() throws { proxy?.stall() }

    func slow(by delay: Duration) throws { proxy?.delay(by: delay) }

    func recover() throws {
        proxy?.resume()
        proxy?.delay(by: .zero)
    }

    func publishForeign(_ count: Int, to topic: String) async throws {
        throw FaultSuiteError("there are no other clients")
    }
}

/// What keeps a cell, or the whole suite, from going on.
struct FaultSuiteError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

/// Waits until something holds that another process or thread brings about. Throws when that takes too long.
func waiting(for what: String, seconds: Int, _ condition: () throws -> Bool) async throws {
    let end = SystemClock.shared.now.advanced(by: .seconds(seconds))
    while try !condition() {
        guard SystemClock.shared.now < end else { throw FaultSuiteError("\(what): not within \(seconds) seconds") }
        try await SystemClock.shared.sleep(for: .milliseconds(20))
    }
}
