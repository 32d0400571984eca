import Millrace
import MillraceRedis
import TestSupport
import Testing

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

extension RedisTests {
    /// The server that other tests rely on.
    @Suite("RedisServer") struct Server {
        @Test("It answers on a port of its own, and ends with the last reference")
        func answersAndEnds() async throws {
            var server: RedisServer? = try await RedisServer.start()
            let port = try #require(server?.port)
            let process = try #require(server?.processID)
            #expect(port != 6379)
            #expect(try await server?.command("PING") == "+PONG\r\n")
            server = nil
            #expect(kill(process, 0) != 0)
            #expect(throws: MillraceError.self) { _ = try Loopback.connect(port) }
        }

        @Test("What a durable server has accepted survives its being killed")
        func durable() async throws {
            let server = try await RedisServer.start(.init(isDurable: true))
            let first = server.processID
            #expect(try await server.command("XADD", "s", "1-1", "a", "b") == "$3\r\n1-1\r\n")
            server.kill9()
            await #expect(throws: MillraceError.self) { try await server.command("PING") }
            try await server.restart()
            #expect(server.processID != first)
            #expect(try await server.command("XLEN", "s") == ":1\r\n")
            server.stop()
            server.stop()
            #expect(server.processID == nil)
            try await server.restart()
            #expect(try await server.command("XLEN", "s") == ":1\r\n")
        }

        @Test("A password is asked for")
        func password() async throws {
            let server = try await RedisServer.start(.init(password: "geheim"))
            #expect(try await server.command("PING") == "+PONG\r\n")
            let descriptor = try Loopback.connect(server.port)
            defer { _ = Loopback.close(descriptor) }
            try Loopback.write(Array("PING\r\nQUIT\r\n".utf8), to: descriptor)
            #expect(String(decoding: Loopback.readAll(descriptor), as: UTF8.self).hasPrefix("-NOAUTH"))
        }

        @Test("Its TLS port speaks TLS")
        func tls() async throws {
            let certificates = try await TestCertificates.shared
            let server = try await RedisServer.start(.init(certificates: certificates, requiresClientCertificate: true))
            let tls = RedisTLS(
                caFile: certificates.pem("ca"), certificateFile: certificates.pem("client"), keyFile: certificates.key("client"))
            let connection = try TLSConnection(port: try #require(server.tlsPort), tls: tls, host: "127.0.0.1")
            try connection.handshake()
            try connection.write(Array("PING\r\n".utf8))
            #expect(try connection.read(upTo: 0x0A) == Array("+PONG\r\n".utf8))
        }

        @Test("A server that hangs goes on where it was")
        func pause() async throws {
            let server = try await RedisServer.start()
            server.pause()
            let descriptor = try Loopback.connect(server.port)
            defer { _ = Loopback.close(descriptor) }
            try Loopback.write(Array("PING\r\n".utf8), to: descriptor)
            var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            #expect(poll(&entry, 1, 50) == 0)
            server.resume()
            #expect(Loopback.readAll(descriptor, upTo: 7) == Array("+PONG\r\n".utf8))
            server.pause()
            server.stop()
            #expect(server.processID == nil)
        }

        @Test("All tests share one server")
        func shared() async throws {
            #expect(try await RedisServer.shared.port == RedisServer.shared.port)
            #expect(try await RedisServer.shared.command("PING") == "+PONG\r\n")
        }
    }
}
