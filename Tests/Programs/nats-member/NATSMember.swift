import Millrace
import MillraceNATS

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// A member of the consumer group `g`, for tests that kill processes:
///
///     nats-member URL TOPIC COUNT
///
/// Takes so many messages, writes the text of each on a line of its own, renews them and waits to be killed.
@main struct NATSMember {
    static func main() async throws {
        let arguments = CommandLine.arguments
        guard arguments.count == 4, let count = Int(arguments[3]) else { exit(2) }
        let transport = try await NATSTransport(NATSOptions(url: arguments[1]), observers: Observers())
        let subscription = try await transport.subscribe(
            to: arguments[2], SubscriptionOptions(group: "g", prefetch: count, lease: .seconds(2)))
        var batch = DeliveryBatch()
        var held: [DeliveryToken] = []
        while true {
            batch.removeAll()
            if held.count == count {
                try await SystemClock.shared.sleep(for: .milliseconds(200))
            } else if try await subscription.pull(into: &batch, upTo: count - held.count) {
                let bytes = Array(batch.records.map { "\($0.message.payload.text ?? "")\n" }.joined().utf8)
                // In one call: nothing must be left in a buffer when the process is killed.
                guard write(1, bytes, bytes.count) == bytes.count else { exit(1) }
                held += batch.records.map(\.token)
            }
            subscription.renew(held)
        }
    }
}
