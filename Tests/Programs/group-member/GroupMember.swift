import Millrace
import MillraceRedis

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// A member of the consumer group `g`, for tests that kill processes:
///
///     group-member URL TOPIC hold|handle COUNT
///
/// Takes up to so many messages and writes the text of each on a line of its own. `hold` keeps them unsettled, `handle`
/// acknowledges them. Then it renews what it holds and waits to be killed.
@main struct GroupMember {
    static func main() async throws {
        let arguments = CommandLine.arguments
        guard arguments.count == 5, let count = Int(arguments[4]) else { exit(2) }
        let transport = try await RedisTransport(url: arguments[1], observers: Observers())
        let subscription = try await transport.subscribe(
            to: arguments[2], SubscriptionOptions(group: "g", prefetch: min(count, 1_000), lease: .seconds(1)))
        var batch = DeliveryBatch()
        var held: [DeliveryToken] = []
        var left = count
        while true {
            batch.removeAll()
            let deadline = SystemClock.shared.now.advanced(by: .milliseconds(200))
            if left == 0 {
                try await SystemClock.shared.sleep(for: .milliseconds(200))
            } else if try await subscription.pull(into: &batch, upTo: min(left, 100), until: deadline) {
                write(batch.records.map { "\($0.message.payload.text ?? "")\n" }.joined())
                left -= batch.count
            }
            let tokens = batch.records.map(\.token)
            if arguments[3] == "hold" { held += tokens } else { subscription.acknowledge(tokens) }
            subscription.renew(held)
        }
    }

    /// Writes without a buffer: nothing must be left in it when the process is killed.
    private static func write(_ text: String) {
        let bytes = Array(text.utf8)
        var written = 0
        while written < bytes.count {
            let count = bytes[written...].withUnsafeBytes { rest in
                #if canImport(Glibc)
                Glibc.write(1, rest.baseAddress, rest.count)
                #elseif canImport(Musl)
                Musl.write(1, rest.baseAddress, rest.count)
                #else
                Darwin.write(1, rest.baseAddress, rest.count)
                #endif
            }
            guard count > 0 else { exit(1) }
            written += count
        }
    }
}
