import Millrace
import TestSupport

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// `openssl s_server` on a free port of the loopback: it answers each line with its reverse.
final class EchoServer: Sendable {
    let process: ChildProcess
    let port: Int
    private let folder: TemporaryFolder

    init(_ certificates: TestCertificates, certificate: String, _ options: [String]) throws {
        folder = try TemporaryFolder()
        let process = try ChildProcess(
            [
                "openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", certificates.pem(certificate), "-key",
                certificates.key(certificate), "-rev",
            ] + options, log: folder.file("log"))
        self.process = process
        // The server says itself which port it was given: nobody else can answer there.
        let prefix = "ACCEPT 127.0.0.1:"
        var port: Int?
        try process.wait(for: "s_server") { [folder] in
            port = folder.read("log").split(separator: "\n").first { $0.hasPrefix(prefix) }
                .flatMap { Int($0.dropFirst(prefix.count)) }
            return port != nil
        }
        self.port = port ?? 0
    }
}
