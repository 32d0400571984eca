import Foundation
import Millrace

#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// A collector on this machine: takes requests one at a time, and answers as it is told.
final class CollectorServer: Sendable {
    struct Request: Sendable {
        let head: String
        let body: Data
    }

    struct Refused: Error {}

    let port: Int
    private let listening: Int32
    private let answers: Lock<[String]>
    private let received = Lock<[Request]>([])
    private let bell = MemoryBell()
    private let ended = Signal()

    /// Gives each of `answers`, which begin with the status, to one request, and 200 to those that follow.
    init(_ answers: String...) throws {
        self.answers = Lock(answers)
        #if canImport(Darwin)
        listening = socket(AF_INET, SOCK_STREAM, 0)
        #else
        listening = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        #endif
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let descriptor = listening
        let status = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                bind(descriptor, pointer, length) + listen(descriptor, 8) + getsockname(descriptor, pointer, &length)
            }
        }
        guard status == 0 else { throw Refused() }
        port = Int(in_port_t(bigEndian: address.sin_port))
        // A thread of its own: those of Dispatch run the tests' tasks as well, and are few.
        Thread { [self] in
            while true {
                let connection = accept(descriptor, nil, nil)
                guard connection >= 0 else { break }
                serve(connection)
                Glibc.close(connection)
            }
            ended.fire()
        }.start()
    }

    var endpoint: String { "http://127.0.0.1:\(port)/v1/traces" }
    var requests: [Request] { received.withLock { $0 } }
    var spans: [TraceRequest.Span] { requests.flatMap { TraceRequest($0.body)?.spans ?? [] } }

    func waitForRequests(_ count: Int) async throws { try await bell.wait(for: count) }

    /// Takes no more connections.
    func close() async {
        shutdown(listening, Int32(SHUT_RDWR))
        await ended.waitUncancellably()
        Glibc.close(listening)
    }

    /// One request for each connection, which is then closed.
    private func serve(_ connection: Int32) {
        var bytes = Data()
        var buffer = [UInt8](repeating: 0, count: 65_536)
        let blank = Data("\r\n\r\n".utf8)
        var missing = 1
        while missing > 0 {
            let count = recv(connection, &buffer, buffer.count, 0)
            guard count > 0 else { return }
            bytes += buffer[..<count]
            guard let end = bytes.range(of: blank)?.upperBound else { continue }
            missing = contentLength(String(decoding: bytes[..<end], as: UTF8.self)) - (bytes.count - end)
        }
        guard let end = bytes.range(of: blank)?.upperBound else { return }
        let request = Request(head: String(decoding: bytes[..<end], as: UTF8.self), body: Data(bytes[end...]))
        received.withLock { $0.append(request) }
        let answer = answers.withLock { $0.isEmpty ? "200 OK\r\nContent-Length: 2\r\n\r\n{}" : $0.removeFirst() }
        let text = Array("HTTP/1.1 \(answer)".utf8)
        _ = send(connection, text, text.count, Int32(MSG_NOSIGNAL))
        shutdown(connection, Int32(SHUT_WR))
        bell.ring()
    }

    private func contentLength(_ head: String) -> Int {
        let line = head.split(separator: "\r\n").first { $0.lowercased().hasPrefix("content-length:") }
        return line.flatMap { Int($0.drop { $0 != ":" }.dropFirst().trimmingCharacters(in: .whitespaces)) } ?? 0
    }
}
