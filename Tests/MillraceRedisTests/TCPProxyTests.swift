import Millrace
import MillraceTesting
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
    @Suite("TCPProxy") final class Proxy: Sendable {
        private let echo: LineEcho
        private let proxy: TCPProxy

        init() throws {
            echo = try LineEcho()
            proxy = try TCPProxy(to: echo.port)
        }

        deinit { echo.stop() }

        /// A client of the proxy that closes itself.
        private final class Client {
            let descriptor: Int32
            init(_ port: Int) throws { descriptor = try Loopback.connect(port) }
            deinit { _ = Loopback.close(descriptor) }

            func exchange(_ text: String) throws -> String {
                try Loopback.write(Array(text.utf8), to: descriptor)
                return String(decoding: Loopback.readAll(descriptor, upTo: text.utf8.count), as: UTF8.self)
            }

            /// Whether something can be read, or the connection has ended.
            func isReadable(within milliseconds: Int32) -> Bool {
                var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
                return poll(&entry, 1, milliseconds) == 1
            }

            /// Whether the other side has gone.
            var hasEnded: Bool { isReadable(within: 10_000) && Loopback.readSome(descriptor).isEmpty }
        }

        @Test("It forwards both ways, for many connections at once, and megabytes")
        func forwards() throws {
            let clients = try (0..<20).map { _ in try Client(proxy.port) }
            for round in 0..<5 {
                for (index, client) in clients.enumerated() {
                    #expect(try client.exchange("\(index)-\(round)") == "\(index)-\(round)")
                }
            }
            let text = String(repeating: "0123456789", count: 300)
            for _ in 0..<1_000 { #expect(try clients[0].exchange(text) == text) }
            #expect(proxy.acceptedCount == 20)
            #expect(proxy.connectionCount == 20)
            #expect(proxy.cutCount == 0)
        }

        @Test("A side that has said everything still gets the answer")
        func halfClose() throws {
            let client = try Client(proxy.port)
            try Loopback.write(Array("last words".utf8), to: client.descriptor)
            shutdown(client.descriptor, Int32(SHUT_WR))
            #expect(String(decoding: Loopback.readAll(client.descriptor), as: UTF8.self) == "last words")
            #expect(proxy.cutCount == 0)
        }

        @Test("All connections are cut at once, and new ones go on")
        func cutAll() throws {
            let clients = try (0..<3).map { _ in try Client(proxy.port) }
            for client in clients { #expect(try client.exchange("a") == "a") }
            #expect(proxy.cutAll() == 3)
            for client in clients { #expect(client.hasEnded) }
            #expect(proxy.cutAll() == 0)
            #expect(proxy.cutCount == 3)
            #expect(try Client(proxy.port).exchange("b") == "b")
        }

        @Test("A connection is cut when so many bytes have passed, once")
        func cutAfterBytes() throws {
            let client = try Client(proxy.port)
            let other = try Client(proxy.port)
            #expect(try other.exchange("x") == "x")
            proxy.cut(afterBytes: 15)
            // Ten bytes go to the server, and five of the ten come back.
            #expect(try client.exchange("0123456789") == "01234")
            #expect(client.hasEnded)
            #expect(proxy.cutCount == 1)
            #expect(try other.exchange("0123456789") == "0123456789")
            proxy.cut(afterBytes: 1)
            proxy.stopCutting()
            #expect(try other.exchange("0123456789") == "0123456789")
            #expect(proxy.cutCount == 1)
        }

        @Test("Random cuts come again and again, and repeat themselves with the seed")
        func cutRandomly() throws {
            func lengths(seed: UInt64) throws -> [Int] {
                proxy.cutRandomly(within: 100, RandomSource(seed: seed))
                return try (0..<20).map { _ in
                    let client = try Client(proxy.port)
                    var count = 0
                    while (try? client.exchange("x")) == "x" { count += 1 }
                    return count
                }
            }
            let first = try lengths(seed: 7)
            #expect(Set(first).count > 5)
            #expect(first.allSatisfy { (0...50).contains($0) })
            #expect(try lengths(seed: 7) == first)
            #expect(try lengths(seed: 8) != first)
            #expect(proxy.cutCount == 60)
        }

        @Test("What is stalled arrives later, and nothing is closed")
        func stall() throws {
            let client = try Client(proxy.port)
            #expect(try client.exchange("a") == "a")
            proxy.stall()
            try Loopback.write([0x62], to: client.descriptor)
            let late = try Client(proxy.port)
            try Loopback.write([0x63], to: late.descriptor)
            #expect(!client.isReadable(within: 50))
            #expect(!late.isReadable(within: 0))
            proxy.resume()
            #expect(Loopback.readAll(client.descriptor, upTo: 1) == [0x62])
            #expect(Loopback.readAll(late.descriptor, upTo: 1) == [0x63])
        }

        @Test("What is delayed arrives later, in order, and many bytes are on their way at once")
        func delay() throws {
            let client = try Client(proxy.port)
            #expect(try client.exchange("a") == "a")
            proxy.delay(by: .milliseconds(100))
            let start = ContinuousClock.now
            #expect(try client.exchange("b") == "b")
            #expect(start.duration(to: .now) >= .milliseconds(200))
            // One after the other they would take as many seconds.
            let text = String(repeating: "0123456789", count: 300)
            for _ in 0..<100 { try Loopback.write(Array(text.utf8), to: client.descriptor) }
            let all = Loopback.readAll(client.descriptor, upTo: 100 * text.utf8.count)
            #expect(all == Array(String(repeating: text, count: 100).utf8))
            // What comes after the end of a delay waits for what has come before.
            try Loopback.write([0x63], to: client.descriptor)
            proxy.delay(by: .zero)
            #expect(try client.exchange("d") == "c")
            #expect(Loopback.readAll(client.descriptor, upTo: 1) == [0x64])
        }

        @Test("New connections are turned away for a while, open ones go on")
        func refuse() throws {
            let open = try Client(proxy.port)
            #expect(try open.exchange("a") == "a")
            proxy.refuseConnections()
            #expect(try Client(proxy.port).hasEnded)
            #expect(try open.exchange("b") == "b")
            proxy.acceptConnections()
            #expect(try Client(proxy.port).exchange("c") == "c")
            #expect(proxy.refusedCount == 1)
            #expect(proxy.cutCount == 0)
        }

        @Test("A server that is not there ends the client's connection")
        func noServer() throws {
            let nowhere = try TCPProxy(to: FreePorts.choose(1)[0])
            #expect(try Client(nowhere.port).hasEnded)
            #expect(nowhere.cutCount == 0)
        }

        @Test("Closing ends the connections and gives the port back")
        func close() throws {
            let client = try Client(proxy.port)
            #expect(try client.exchange("a") == "a")
            proxy.close()
            proxy.close()
            #expect(client.hasEnded)
            for _ in 0..<1_000 {
                guard (try? Client(proxy.port)) != nil else { break }
                poll(nil, 0, 1)
            }
            #expect(throws: MillraceError.self) { _ = try Client(proxy.port) }
        }

        @Test("A target that can't be is refused", arguments: [("127.0.0.1", 0), ("127.0.0.1", 65_536), ("no such host", 1)])
        func badTarget(_ host: String, _ port: Int) {
            let error = #expect(throws: MillraceError.self) { _ = try TCPProxy(to: port, host: host) }
            #expect(error?.code == .invalidOption)
        }
    }
}
