import Foundation
import Millrace
import MillraceAMQP
import MillraceTesting
import TestSupport
import Testing

extension InteroperabilityTests {
    /// With pika.
    @Suite struct AMQP {
        private static let client = PythonClient(script: "amqp_client.py")

        /// The server that `MILLRACE_AMQP_URL` names, or else one of the tests.
        static var url: String {
            get async throws {
                let given = ProcessInfo.processInfo.environment["MILLRACE_AMQP_URL"] ?? ""
                return given.isEmpty ? try await RabbitServer.shared.url : given
            }
        }

        /// The same with the name of the virtual host, which pika wants to have.
        static var foreignURL: String { get async throws { try await url + "/%2F" } }

        static func connect() async throws -> AMQPTransport {
            try await AMQPTransport(AMQPOptions(url: try await url), observers: Observers())
        }

        @Test("What Millrace writes, they read, byte for byte")
        func written() async throws {
            let (topic, samples) = (name("written"), Sample.all())
            let transport = try await Self.connect()
            try await transport.prepare(topic: topic, group: "g")
            try await transport.publish(samples.map(\.message), to: topic)
            let records = try await Self.client.read(samples.count, of: "\(topic)_g", at: try await Self.foreignURL)
            expect(records, are: samples.map { ($0.name, $0.amqp) }, fieldsHaveOrder: false)
            try await transport.remove(topic: topic)
            await transport.close()
        }

        @Test("What they write as Watermill does, Millrace reads")
        func read() async throws {
            let (topic, samples) = (name("read"), Sample.all())
            let transport = try await Self.connect()
            try await transport.prepare(topic: topic, group: "g")
            try await Self.client.write(samples.map(\.amqp), to: topic, at: try await Self.foreignURL)
            let reader = try await transport.subscribe(to: topic, SubscriptionOptions(group: "g"))
            expect(try await take(samples.count, of: reader), are: samples)
            await reader.close()
            try await transport.remove(topic: topic)
            await transport.close()
        }
    }
}
