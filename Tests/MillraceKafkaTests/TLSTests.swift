import Millrace
import MillraceKafka
import MillraceTesting
import TestSupport
import Testing

extension KafkaTests {
    /// Whom a client talks to. The broker is `openssl s_server`, which knows TLS and nothing of Kafka: what counts is whether a client
    /// goes on once it has seen the certificate.
    @Suite("TLS") struct TLS {
        /// What a server with such a certificate has seen of a client with such security, until the client gave up.
        private func log(_ certificate: String, _ change: (inout KafkaSecurity) -> Void = { _ in }) async throws -> String {
            let certificates = try await TestCertificates.shared
            let folder = try TemporaryFolder()
            let server = try ChildProcess(
                [
                    "openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", certificates.pem(certificate), "-key",
                    certificates.key(certificate), "-rev",
                ], log: folder.file("log"))
            let prefix = "ACCEPT 127.0.0.1:"
            var port: Substring?
            try server.wait(for: "s_server") {
                port = folder.read("log").split(separator: "\n").first { $0.hasPrefix(prefix) }?.dropFirst(prefix.count)
                return port != nil
            }
            var options = KafkaOptions(servers: ["localhost:\(port ?? "")"])
            options.connectTimeout = .seconds(2)
            options.security = KafkaSecurity(isEncrypted: true, caFile: certificates.pem("ca"))
            options.properties = ["broker.address.family": "v4"]
            change(&options.security)
            let given = options
            let error = await #expect(throws: MillraceError.self) { try await KafkaTransport(given, observers: Observers()) }
            #expect(error?.code == .connectionFailed)
            return folder.read("log")
        }

        private let accepted = "CONNECTION ESTABLISHED"

        @Test("goes on with a broker whose certificate is for its host") func good() async throws {
            #expect(try await log("server").contains(accepted))
        }

        @Test("ends where the certificate is for another host") func wrongName() async throws {
            #expect(try await !log("client").contains(accepted))
        }

        @Test("ends where the authority is not known, or the certificate has expired") func untrusted() async throws {
            let stranger = try await TestCertificates.shared.pem("stranger-ca")
            #expect(try await !log("server") { $0.caFile = stranger }.contains(accepted))
            #expect(try await !log("expired").contains(accepted))
        }

        @Test("goes on with anybody where nothing is to be verified") func careless() async throws {
            #expect(try await log("client") { $0.verifies = false }.contains(accepted))
        }
    }
}
