import Millrace
import MillraceAMQP
import Testing

extension AMQPTests {
    @Suite("Options") struct OptionTests {
        @Test("of a URL are read") func url() throws {
            let options = try AMQPOptions(
                url: "amqps://ada:s%40cret@one,two:5673,[::1]:5674/shop%2Feu"
                    + "?ca=/ca.pem&cert=/c.pem&key=/k.pem&verify=false&name=n&heartbeat=30s&publish-timeout=5s&confirm-window=100&group=g&topology=topic&exchange=events"
                    + "&queue-type=quorum&single-active-consumer=true&delivery-limit=5&dead-letters=.dlq")
            #expect(options.servers.map(\.description) == ["one:5671", "two:5673", "[::1]:5674"])
            #expect(options.username == "ada" && options.password == "s@cret" && options.virtualHost == "shop/eu")
            let tls = AMQPTLS(caFile: "/ca.pem", certificateFile: "/c.pem", keyFile: "/k.pem", verifies: false)
            #expect(options.tls == tls)
            #expect(options.connectionName == "n" && options.heartbeat == .seconds(30))
            #expect(options.publishTimeout == .seconds(5) && options.confirmWindow == 100 && options.group == "g")
            var topology = AMQPTopology.topic(exchange: "events")
            topology.queueType = .quorum
            topology.hasSingleActiveConsumer = true
            topology.deliveryLimit = 5
            #expect(options.topology == topology)
            #expect(options.deadLetters == .topicSuffix(".dlq"))
            #expect("\(options)".contains("s@cret") == false && "\(options)".contains("ada") == false)
        }

        @Test("that a URL leaves out have their defaults", arguments: ["amqp://", "amqp://localhost", "amqp://localhost/"])
        func defaults(_ url: String) throws { #expect(try AMQPOptions(url: url) == AMQPOptions()) }

        @Test("for dead letters are read from a URL") func deadLetters() throws {
            #expect(try AMQPOptions(url: "amqp://h?dead-letters=").deadLetters == .drop)
            #expect(try AMQPOptions(url: "amqp://h?dead-letters=broker:").deadLetters == .broker)
        }

        @Test(
            "that are wrong are named, with value and bound",
            arguments: [
                ("amqp://h?heartbeet=5s", "heartbeet"), ("amqp://h?heartbeat=1500ms", "without a fraction"),
                ("amqp://h?topology=ring", "one of publish-subscribe, queue, topic"), ("amqp://h?topology=topic", "exchange"),
                ("amqp://h?exchange=x", "topology=topic"), ("amqp://h?queue-type=quorum&durable=false", "isDurable"),
                ("amqp://h?queue-type=quorum&priorities=3", "priorities"), ("amqp://h?priorities=256", "1 to 255"),
                ("amqp://h?delivery-limit=3", "deliveryLimit"), ("amqp://h?confirm-window=0", "confirm-window"),
                ("amqp://h:99999", "port"), ("http://h", "amqp://"), ("amqps://h?cert=/c", "tls.keyFile"),
                ("amqp://h?ca=/x", "ca"),
            ])
        func wrong(_ url: String, _ part: String) throws {
            let error = #expect(throws: MillraceError.self) { try AMQPOptions(url: url) }
            #expect(error?.message.contains(part) == true, "\(error.map { "\($0)" } ?? "")")
        }

        @Test("that lead nowhere are refused") func unreachable() async throws {
            let options = AMQPOptions(servers: [AMQPEndpoint(host: "127.0.0.1", port: 1)], connectTimeout: .milliseconds(500))
            let error = await #expect(throws: MillraceError.self) { try await AMQPTransport(options, observers: Observers()) }
            #expect(error?.code == .connectionFailed && error?.isRetriable == true)
        }

        @Test("with a wrong password are refused in the broker's words") func refused() async throws {
            var options = try AMQPOptions(url: try await Conformance.url)
            options.password = "hidden-value"
            let wrong = options
            let error = await #expect(throws: MillraceError.self) { try await AMQPTransport(wrong, observers: Observers()) }
            #expect(error?.code == .connectionFailed && error?.isRetriable == false)
            #expect(error?.message.contains("ACCESS_REFUSED") == true)
            #expect("\(error.map { "\($0)" } ?? "")".contains("hidden-value") == false)
        }
    }
}
