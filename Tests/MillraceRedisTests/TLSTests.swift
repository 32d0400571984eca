import Millrace
import TestSupport
import Testing

@testable import MillraceRedis

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

extension RedisTests {
    /// Against `openssl s_server`, which sends back each line in reverse.
    @Suite("TLSSession") struct TLS {
        private let certificates: TestCertificates

        init() async throws { certificates = try await TestCertificates.shared }

        private func server(_ certificate: String = "server", _ options: [String] = []) throws -> EchoServer {
            try EchoServer(certificates, certificate: certificate, options)
        }

        /// What comes back of `text`, over a new connection.
        private func reverse(_ text: String, _ server: EchoServer, _ tls: RedisTLS, host: String = "localhost") throws -> String {
            let connection = try TLSConnection(port: server.port, tls: tls, host: host)
            try connection.handshake()
            try connection.write(Array((text + "\n").utf8))
            let answer = try connection.read(upTo: 0x0A)
            return String(decoding: answer.dropLast(), as: UTF8.self)
        }

        private func refusal(_ server: EchoServer, _ tls: RedisTLS, host: String = "localhost") -> MillraceError? {
            let error = #expect(throws: MillraceError.self) { _ = try reverse("abc", server, tls, host: host) }
            #expect(error?.code == .connectionFailed)
            return error
        }

        @Test("A server is trusted by name and by address", arguments: ["localhost", "localhost.", "redis.test", "127.0.0.1"])
        func good(_ host: String) throws {
            let server = try server()
            #expect(try reverse("abc", server, RedisTLS(caFile: certificates.pem("ca")), host: host) == "cba")
        }

        @Test("The name that is expected may be another than the host's")
        func serverName() throws {
            let server = try server()
            let tls = RedisTLS(caFile: certificates.pem("ca"), serverName: "redis.test")
            #expect(try reverse("abc", server, tls, host: "10.0.0.1") == "cba")
        }

        @Test("The server learns the name that it is called by")
        func serverNameIndication() throws {
            let server = try server(
                "expired",
                ["-servername", "redis.test", "-cert2", certificates.pem("server"), "-key2", certificates.key("server")])
            #expect(try reverse("abc", server, RedisTLS(caFile: certificates.pem("ca")), host: "redis.test") == "cba")
        }

        @Test("A certificate for another name is refused", arguments: ["other.test", "127.0.0.2", "::1"])
        func wrongName(_ host: String) throws {
            let server = try server()
            let error = refusal(server, RedisTLS(caFile: certificates.pem("ca")), host: host)
            #expect(error?.message == "TLS with '\(host)': the server's certificate is for another name than '\(host)'")
            #expect(error?.isRetriable == false)
        }

        @Test("An authority that is not known is refused")
        func unknownAuthority() throws {
            let server = try server()
            for tls in [RedisTLS(caFile: certificates.pem("stranger-ca")), RedisTLS()] {
                let error = refusal(server, tls)
                #expect(error?.message.contains("issued by an unknown authority") == true)
                #expect(error?.isRetriable == false)
            }
        }

        @Test("A certificate that has expired is refused")
        func expired() throws {
            let server = try server("expired")
            #expect(refusal(server, RedisTLS(caFile: certificates.pem("ca")))?.message.contains("has expired") == true)
        }

        @Test("Without verification every certificate will do")
        func unverified() throws {
            let server = try server("expired")
            #expect(try reverse("abc", server, RedisTLS(verifies: false), host: "other.test") == "cba")
        }

        @Test(
            "A server that requires a client certificate says so when there is none, and takes a good one",
            arguments: ["-tls1_2", "-tls1_3"])
        func clientCertificate(_ version: String) throws {
            let server = try server(
                "server", ["-Verify", "1", "-verify_return_error", "-CAfile", certificates.pem("ca"), version])
            let error = refusal(server, RedisTLS(caFile: certificates.pem("ca")))
            let expected =
                version == "-tls1_3" ? "the server requires a client certificate" : "accepts none of the client's parameters"
            #expect(error?.message.contains(expected) == true, "\(error?.message ?? "")")
            let tls = RedisTLS(
                caFile: certificates.pem("ca"), certificateFile: certificates.pem("client"), keyFile: certificates.key("client"))
            #expect(try reverse("abc", server, tls) == "cba")
        }

        @Test("A write after the server has hung up says why it did, and raises no signal")
        func writeAfterRefusal() throws {
            let server = try server(
                "server", ["-Verify", "1", "-verify_return_error", "-CAfile", certificates.pem("ca"), "-tls1_3"])
            let connection = try TLSConnection(
                port: server.port, tls: RedisTLS(caFile: certificates.pem("ca")), host: "localhost")
            try connection.handshake()
            let error = #expect(throws: MillraceError.self) {
                for _ in 0..<1_000 {
                    try connection.write([UInt8](repeating: 0x61, count: 100))
                    poll(nil, 0, 1)
                }
            }
            #expect(error?.message.contains("requires a client certificate") == true, "\(error?.message ?? "")")
        }

        @Test("A server that dies under a session ends it, and a write to it raises no signal")
        func serverDies() throws {
            let server = try server()
            let connection = try TLSConnection(
                port: server.port, tls: RedisTLS(caFile: certificates.pem("ca")), host: "localhost")
            try connection.handshake()
            server.process.kill(SIGKILL)
            let error = #expect(throws: MillraceError.self) {
                for _ in 0..<1_000 {
                    try connection.write([0x61])
                    poll(nil, 0, 1)
                }
            }
            #expect(error?.code == .connectionFailed)
            #expect(error?.isRetriable == true)
        }

        @Test("What does not speak TLS is named so")
        func plainText() throws {
            let (descriptor, other) = try TLSConnection.pair()
            let connection = try TLSConnection(descriptor: descriptor, tls: RedisTLS(verifies: false), host: "localhost")
            let answer = Array("-ERR unknown command, what do you want from me here?\r\n".utf8)
            _ = send(other, answer, answer.count, 0)
            let error = #expect(throws: MillraceError.self) { try connection.handshake() }
            close(other)
            #expect(error?.message.contains("does not speak TLS") == true, "\(error?.message ?? "")")
        }

        @Test("A server that hangs up during the handshake is reported")
        func earlyEnd() throws {
            let (descriptor, other) = try TLSConnection.pair()
            let connection = try TLSConnection(descriptor: descriptor, tls: RedisTLS(verifies: false), host: "localhost")
            close(other)
            let error = #expect(throws: MillraceError.self) { try connection.handshake() }
            #expect(error?.code == .connectionFailed)
            #expect(error?.isRetriable == true)
        }

        @Test("Megabytes go and come through a socket that takes little at a time")
        func large() throws {
            let server = try server()
            let connection = try TLSConnection(
                port: server.port, tls: RedisTLS(caFile: certificates.pem("ca")), host: "localhost")
            try connection.handshake()
            // The server reverses lines of up to 16 KiB.
            let line = (0..<10_000).map { UInt8(0x61 + $0 % 26) }
            var answers = 0
            let reader = connection
            for _ in 0..<200 {
                try reader.write(line + [0x0A])
                #expect(try reader.read(upTo: 0x0A) == line.reversed() + [0x0A])
                answers += 1
            }
            #expect(answers == 200)
            connection.close()
        }

        @Test("Files that can't be used are named")
        func badFiles() throws {
            let (pem, key) = (certificates.pem("client"), certificates.key("client"))
            let bad: [(String, RedisTLS)] = [
                ("tls.caFile is '/nowhere' (No such file or directory)", RedisTLS(caFile: "/nowhere")),
                ("tls.caFile is '\(key)'", RedisTLS(caFile: key)),
                ("tls.certificateFile is '/nowhere'", RedisTLS(certificateFile: "/nowhere", keyFile: key)),
                ("tls.keyFile is '/nowhere'", RedisTLS(certificateFile: pem, keyFile: "/nowhere")),
                (
                    "tls.keyFile is '\(certificates.key("server"))'",
                    RedisTLS(certificateFile: pem, keyFile: certificates.key("server"))
                ),
            ]
            for (text, tls) in bad {
                let error = #expect(throws: MillraceError.self) { _ = try TLSContext(tls) }
                #expect(error?.code == .invalidOption)
                #expect(error?.message.contains(text) == true, "\(error?.message ?? "")")
            }
        }
    }
}
