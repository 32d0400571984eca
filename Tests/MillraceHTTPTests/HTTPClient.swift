import Foundation
import Millrace

#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// Asks a server of this machine, byte by byte, with a connection for each request.
struct HTTPClient {
    let port: Int

    struct Answer {
        let status: Int
        let headers: [String: String]
        let body: String
    }

    struct NotAnswered: Error {}

    func get(_ path: String) async throws -> Answer { try await send("GET", path) }

    func send(_ method: String, _ path: String, body: String = "") async throws -> Answer {
        let length = body.isEmpty ? "" : "Content-Length: \(body.utf8.count)\r\n"
        let text = try await exchange("\(method) \(path) HTTP/1.1\r\nHost: test\r\n\(length)Connection: close\r\n\r\n\(body)")
        let halves = text.split(separator: "\r\n\r\n", maxSplits: 1, omittingEmptySubsequences: false)
        let lines = halves[0].split(separator: "\r\n")
        guard halves.count == 2, let status = lines.first?.split(separator: " ").dropFirst().first.flatMap({ Int($0) })
        else { throw NotAnswered() }
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            let parts = line.split(separator: ":", maxSplits: 1)
            headers[parts[0].lowercased()] = parts.count > 1 ? String(parts[1].drop { $0 == " " }) : ""
        }
        return Answer(status: status, headers: headers, body: String(halves[1]))
    }

    /// Sends bytes and reads until the server closes the connection.
    func exchange(_ request: String) async throws -> String {
        let descriptor = try connect()
        return await withCheckedContinuation { done in
            // A thread of its own: those of Dispatch run the tests' tasks as well, and are few.
            Thread {
                defer { close(descriptor) }
                let bytes = Array(request.utf8)
                _ = Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
                var answer: [UInt8] = []
                var buffer = [UInt8](repeating: 0, count: 4_096)
                while true {
                    let count = recv(descriptor, &buffer, buffer.count, 0)
                    guard count > 0 else { break }
                    answer += buffer[..<count]
                }
                done.resume(returning: String(decoding: answer, as: UTF8.self))
            }.start()
        }
    }

    /// A connection; to be closed by the caller.
    func connect() throws -> Int32 {
        #if canImport(Darwin)
        let descriptor = socket(AF_INET, SOCK_STREAM, 0)
        #else
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        #endif
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let status = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                Glibc.connect(descriptor, pointer, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard status == 0 else {
            close(descriptor)
            throw NotAnswered()
        }
        return descriptor
    }
}
