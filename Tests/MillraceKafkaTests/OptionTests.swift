import Millrace
import Testing

@testable import MillraceKafka

extension KafkaTests {
    @Suite("Options") struct OptionTests {
        @Test("of a URL are read") func url() throws {
            let options = try KafkaOptions(
                url: "kafkas://ada:s%40cret@one,two:9093,[::1]:9094?mechanism=scram-sha-512&ca=/ca.pem&compression=lz4&linger=5ms"
                    + "&group=g&member=m&partitions=6&session-timeout=30s&timestamps=true&dead-letters=.dlq"
                    + "&property.socket.timeout.ms=1000")
            #expect(options.servers == ["one:9092", "two:9093", "[::1]:9094"])
            #expect(options.security.isEncrypted && options.security.mechanism == .scramSHA512)
            #expect(options.security.username == "ada" && options.security.password == "s@cret")
            #expect(options.security.caFile == "/ca.pem")
            #expect(options.compression == .lz4 && options.linger == .milliseconds(5))
            #expect(options.group == "g" && options.member == "m" && options.newTopics == KafkaNewTopics(partitions: 6))
            #expect(options.sessionTimeout == .seconds(30) && options.receivesTimestamps)
            #expect(options.deadLetters == .topicSuffix(".dlq"))
            #expect(options.properties == ["socket.timeout.ms": "1000"])
            #expect("\(options) \(options.security)".contains("s@cret") == false)
            #expect(try KafkaOptions(url: "kafka://") == KafkaOptions())
        }

        @Test(
            "that are wrong are named, with value and bound",
            arguments: [
                ("kafka://host?lingr=5", "lingr"), ("kafka://host?compression=fast", "one of none, gzip, snappy, lz4, zstd"),
                ("kafka://host?revoke-timeout=2m", "revokeTimeout"), ("kafka://host?property.group.id=x", "group.id"),
                ("kafka://host?partitions=0", "partitions"), ("kafka://host:99999", "port"), ("http://host", "kafka://"),
                ("kafka://ada@host", "security.password"), ("kafka://host?ca=/x", "ca"),
            ])
        func wrong(_ url: String, _ part: String) throws {
            let error = #expect(throws: MillraceError.self) { try KafkaOptions(url: url) }
            #expect(error?.message.contains(part) == true, "\(error.map { "\($0)" } ?? "")")
        }

        @Test("that librdkafka refuses are named, and their value is not shown") func refused() async throws {
            var options = KafkaOptions(servers: ["127.0.0.1:1"])
            options.properties = ["sasl.kerberos.nonsense": "hidden-value"]
            let error = await #expect(throws: MillraceError.self) { try await KafkaTransport(options) }
            #expect(error?.code == .invalidOption)
            #expect(error?.message.contains("sasl.kerberos.nonsense") == true)
            #expect("\(error.map { "\($0)" } ?? "")".contains("hidden-value") == false)
        }

        @Test("that lead nowhere are refused within the connect time-out") func unreachable() async throws {
            var options = KafkaOptions(servers: ["127.0.0.1:1"])
            options.connectTimeout = .milliseconds(500)
            let error = await #expect(throws: MillraceError.self) { try await KafkaTransport(options, observers: Observers()) }
            #expect(error?.code == .connectionFailed)
        }
    }
}
