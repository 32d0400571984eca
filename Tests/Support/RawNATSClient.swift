import Millrace

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// A client that speaks NATS' text protocol by itself, so that what is on the wire is seen as it is. Blocking.
package final class RawNATSClient: @unchecked Sendable {
    // Safe to share: used by one task after another.
    package struct Received: Sendable {
        package let subject: String
        package let reply: String?
        /// The lines of the headers, without the first one.
        package let headers: [String]
        package let payload: [UInt8]

        package var text: String { String(decoding: payload, as: UTF8.self) }
    }

    private let descriptor: Int32
    private var buffer: [UInt8] = []
    private var nextSubscription = 0

    private init(port: Int) throws {
        #if canImport(Darwin)
        let descriptor = socket(AF_INET, SOCK_STREAM, 0)
        #else
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        #endif
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(UInt16(port).bigEndian)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let status = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connectSocket(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard descriptor >= 0, status == 0 else {
            throw MillraceError(.connectionFailed, "port \(port): error \(errno)", isRetriable: false)
        }
        var limit = timeval(tv_sec: 10, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        self.descriptor = descriptor
        _ = try line()
        try send(#"CONNECT {"verbose":false,"pedantic":false,"headers":true,"no_responders":true,"lang":"test"}"#)
        try ping()
    }

    deinit { close(descriptor) }

    /// Connects, on a thread that may block.
    package static func connect(to server: NATSServer) async throws -> RawNATSClient {
        try await BlockingCall.run { try RawNATSClient(port: server.port) }
    }

    /// Calls its methods on a thread that may block.
    package func run<Result: Sendable>(_ body: @escaping @Sendable (RawNATSClient) throws -> Result) async throws -> Result {
        try await BlockingCall.run { [self] in try body(self) }
    }

    /// Publishes bytes, with lines of headers if there are any.
    package func publish(_ payload: [UInt8], to subject: String, reply: String? = nil, headers: [String]? = nil) throws {
        let reply = reply.map { "\($0) " } ?? ""
        guard let headers else {
            try send(Array("PUB \(subject) \(reply)\(payload.count)\r\n".utf8) + payload + [13, 10])
            return try ping()
        }
        let head = Array((["NATS/1.0"] + headers).map { "\($0)\r\n" }.joined().utf8) + [13, 10]
        try send(
            Array("HPUB \(subject) \(reply)\(head.count) \(head.count + payload.count)\r\n".utf8) + head + payload + [13, 10])
        try ping()
    }

    package func subscribe(to subject: String) throws {
        nextSubscription += 1
        try send("SUB \(subject) \(nextSubscription)")
        try ping()
    }

    /// Sends a request and returns the answer's text.
    package func request(_ subject: String, _ text: String = "") throws -> String {
        let inbox = "_INBOX.foreign.\(UInt64.random(in: 0 ... .max))"
        try subscribe(to: inbox)
        try publish(Array(text.utf8), to: subject, reply: inbox)
        return try next().text
    }

    private var messages: [Received] = []

    /// The next message of any subscription.
    package func next() throws -> Received {
        while messages.isEmpty { try step(until: nil) }
        return messages.removeFirst()
    }

    /// Waits until the server has read what was sent.
    private func ping() throws {
        try send("PING")
        try step(until: "PONG")
    }

    private func step(until wanted: String?) throws {
        while true {
            let text = try line()
            let words = text.split(separator: " ").map(String.init)
            switch words.first {
            case "PING": try send("PONG")
            case "MSG": messages.append(try read(words, hasHeaders: false))
            case "HMSG": messages.append(try read(words, hasHeaders: true))
            case "-ERR": throw MillraceError(.invalidState, text, isRetriable: false)
            default: break
            }
            if let wanted { if text == wanted { return } } else if !messages.isEmpty { return }
        }
    }

    private func read(_ words: [String], hasHeaders: Bool) throws -> Received {
        let numbers = hasHeaders ? 2 : 1
        let reply = words.count == 4 + numbers ? words[3] : nil
        let total = Int(words.last ?? "") ?? 0
        let head = hasHeaders ? Int(words[words.count - 2]) ?? 0 : 0
        let bytes = try take(total + 2).dropLast(2)
        let lines = String(decoding: bytes.prefix(head), as: UTF8.self).split(separator: "\r\n").map(String.init)
        return Received(
            subject: words[1], reply: reply, headers: Array(lines.dropFirst()), payload: Array(bytes.dropFirst(head)))
    }

    private func line() throws -> String {
        while true {
            if let end = buffer.firstIndex(of: 10) {
                let line = buffer[..<end].filter { $0 != 13 }
                buffer.removeFirst(end + 1)
                return String(decoding: line, as: UTF8.self)
            }
            try fill()
        }
    }

    private func take(_ count: Int) throws -> [UInt8] {
        while buffer.count < count { try fill() }
        defer { buffer.removeFirst(count) }
        return Array(buffer[..<count])
    }

    private func fill() throws {
        var part = [UInt8](repeating: 0, count: 65_536)
        let count = recv(descriptor, &part, part.count, 0)
        guard count > 0 else { throw MillraceError(.connectionFailed, "nothing came: error \(errno)", isRetriable: false) }
        buffer += part[..<count]
    }

    private func send(_ line: String) throws { try send(Array("\(line)\r\n".utf8)) }

    private func send(_ bytes: [UInt8]) throws {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes {
                sendBytes(descriptor, $0.baseAddress.map { $0 + sent }, bytes.count - sent)
            }
            guard count > 0 else { throw MillraceError(.connectionFailed, "can't send: error \(errno)", isRetriable: false) }
            sent += count
        }
    }
}

// The C functions, whose names the members above hide.
private func connectSocket(_ descriptor: Int32, _ address: UnsafePointer<sockaddr>, _ length: socklen_t) -> Int32 {
    connect(descriptor, address, length)
}

private func sendBytes(_ descriptor: Int32, _ start: UnsafeRawPointer?, _ count: Int) -> Int {
    #if canImport(Darwin)
    send(descriptor, start, count, 0)
    #else
    send(descriptor, start, count, Int32(MSG_NOSIGNAL))
    #endif
}
