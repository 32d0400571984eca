import Millrace
import MillraceTransportKit

/// Asks Sentinels, one after the other, which server is the primary at present.
final class RedisDiscovery: @unchecked Sendable {
    // Safe to share: used on the loop's thread alone.
    private let sentinels: RedisSentinels
    private let options: RedisOptions
    private let tls: TLSContext?
    private let loop: EventLoop
    private let clock: any SchedulingClock
    private let random: RandomSource
    /// The Sentinel to ask first: one that has answered.
    private var first = 0

    init(
        _ sentinels: RedisSentinels, _ options: RedisOptions, tls: TLSContext?, loop: EventLoop,
        clock: any SchedulingClock, random: RandomSource
    ) {
        self.sentinels = sentinels
        self.options = options
        self.tls = tls
        self.loop = loop
        self.clock = clock
        self.random = random
    }

    typealias Done = @Sendable (Result<RedisEndpoint, MillraceError>) -> Void

    /// On the loop; `done` as well. It is told where the primary is, or why the last of the Sentinels did not say.
    func run(_ done: @escaping Done) { ask(0, done) }

    private func ask(_ turn: Int, _ done: @escaping Done) {
        let index = (first + turn) % sentinels.endpoints.count
        let endpoint = sentinels.endpoints[index]
        // All of them have to fit into the time for one connection.
        let patience = options.connectTimeout / sentinels.endpoints.count
        var options = RedisOptions(
            endpoints: [endpoint], username: sentinels.username, password: sentinels.password,
            clientName: options.clientName, connectTimeout: patience, commandTimeout: patience)
        options.tls = self.options.tls
        let connection = RedisConnection(
            options, tls: tls, role: "sentinel", loop: loop, clock: clock, random: random,
            observers: AttachableObservers(Observers()))
        let answered: Done = { [self] result in
            connection.abandon()
            switch result {
            case .success:
                first = index
                done(result)
            case .failure:
                if turn + 1 < sentinels.endpoints.count { ask(turn + 1, done) } else { done(result) }
            }
        }
        connection.open()
        connection.firstAttempt.whenFired { [loop] in
            loop.execute { [self] in
                guard let error = connection.firstFailure else { return query(connection, endpoint, answered) }
                answered(.failure(error))
            }
        }
    }

    private func query(_ connection: RedisConnection, _ sentinel: RedisEndpoint, _ answered: @escaping Done) {
        let primary = sentinels.primary
        connection.send(
            SimpleCall<RedisEndpoint>(isRepeatable: false) { writer in
                writer.command(arguments: 3)
                writer.bulk("SENTINEL")
                writer.bulk("GET-MASTER-ADDR-BY-NAME")
                writer.bulk(primary)
            } read: { reply in
                guard let host = reply.element(0, { $0.text }), let port = reply.element(1, { Int($0.text) }) else {
                    let reason = reply.error ?? "it knows no primary of that name"
                    throw MillraceError(
                        .connectionFailed, "Sentinel \(sentinel): primary '\(primary)': \(reason)", isRetriable: true)
                }
                return .tcp(host: host, port: port)
            } done: { result in
                answered(
                    result.mapError { error in
                        error as? MillraceError
                            ?? MillraceError(.connectionFailed, "Sentinel \(sentinel): \(error)", isRetriable: true)
                    })
            })
    }
}
