import Foundation

@testable import Millrace
@testable import MillraceAMQP
@testable import MillraceKafka
@testable import MillraceMemory
@testable import MillraceNATS
@testable import MillraceRedis
@testable import MillraceSQLite

extension FuzzTarget {
    /// Readers of text.
    static let texts: [FuzzTarget] = [
        text("json", weight: 2) { JSONAgreement.complaint(about: $0) },
        text("url") { text in
            guard let url = try? TransportURL(text, environment: [:]) else { return nil }
            return "\(url)".hasPrefix(url.scheme) ? nil : "the description hides the scheme"
        },
        text("transport-url", weight: 8) { text in
            guard let url = try? TransportURL(text, environment: [:]) else { return nil }
            let shown: String
            do {
                guard let description = try description(of: url) else { return nil }
                shown = description
            } catch let error as MillraceError {
                shown = "\(error)"
            } catch {
                return "an error of another kind: \(error)"
            }
            // A mutation may leave nothing that makes it a password, or put it elsewhere as well.
            guard shown.contains("s3cret"), text.ranges(of: "s3cret").count == 1,
                text.firstMatch(of: /^[a-z-]+:\/\/[^\/?#@]*:s3cret@/) != nil
            else { return nil }
            return "the password is shown: \(shown)"
        },
        text("duration") { text in
            guard let duration = DurationText.parse(text) else { return nil }
            return DurationText.parse(DurationText.text(of: duration)) == duration ? nil : "\(duration) does not come back"
        },
        text("percent") { text in
            guard PercentEncoding.decode(encoded(text)[...]) == text else { return "what is encoded does not come back" }
            guard let decoded = PercentEncoding.decode(text[...]) else { return nil }
            return decoded.utf8.count <= text.utf8.count ? nil : "it grows"
        },
        text("traceparent") { text in
            guard let trace = TraceContext(traceParent: text, state: nil) else { return nil }
            return TraceContext(traceParent: trace.traceParent, state: nil) == trace ? nil : "it does not come back"
        },
        text("position") { text in
            guard let position = Position(text) else { return nil }
            return Position(position.description) == position ? nil : "it does not come back"
        },
        text("uuid") { text in
            guard let (high, low) = UUIDText.parse(text) else { return nil }
            return UUIDText.format(high, low).lowercased() == text.lowercased() ? nil : "it does not come back"
        },
    ]

    /// Every byte as an escape, which any reader of URLs understands.
    private static func encoded(_ text: String) -> String {
        text.utf8.map { ($0 < 16 ? "%0" : "%") + String($0, radix: 16, uppercase: $0 % 2 == 0) }.joined()
    }

    /// That of the options that a URL states; nil for a scheme that no transport has.
    private static func description(of url: TransportURL) throws -> String? {
        switch url.scheme {
        case "memory": "\(try MemoryOptions(url: url))"
        case "sqlite": "\(try SQLiteOptions(url: url))"
        case "redis", "rediss", "unix", "redis-sentinel", "rediss-sentinel": "\(try RedisOptions(url: url))"
        case "kafka", "kafkas": "\(try KafkaOptions(url: url))"
        case "nats", "natss": "\(try NATSOptions(url: url))"
        case "amqp", "amqps": "\(try AMQPOptions(url: url))"
        default: nil
        }
    }
}
