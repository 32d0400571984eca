import Millrace

/// An authority and the certificates that it has issued, made by the `openssl` tool.
///
/// Files of the folder: `ca.pem`; `server.pem` with `server.key` for localhost and 127.0.0.1; `client` likewise; `expired`
/// for localhost; `stranger-ca.pem`, which has issued nothing.
package final class TestCertificates: Sendable {
    package let folder: TemporaryFolder

    /// Those of all tests, made on first use.
    package static var shared: TestCertificates { get async throws { try await BlockingCall.run { try made.get() } } }
    private static let made = Result { try TestCertificates() }

    private init() throws {
        folder = try TemporaryFolder()
        try authority("ca")
        try authority("stranger-ca")
        try issue("server", "DNS:localhost,DNS:redis.test,IP:127.0.0.1")
        try issue("client", "DNS:client")
        try issue("expired", "DNS:localhost", days: -1)
    }

    package func pem(_ name: String) -> String { folder.file(name + ".pem") }
    package func key(_ name: String) -> String { folder.file(name + ".key") }

    private static let newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-batch"]

    private func authority(_ name: String) throws {
        try openssl(
            ["req", "-x509"] + Self.newKey + ["-keyout", key(name), "-out", pem(name), "-subj", "/CN=Test \(name)", "-days", "2"])
    }

    private func issue(_ name: String, _ names: String, days: Int = 2) throws {
        let request = folder.file(name + ".csr")
        try folder.write("subjectAltName=\(names)\n", to: name + ".ext")
        try openssl(["req", "-new"] + Self.newKey + ["-keyout", key(name), "-out", request, "-subj", "/CN=\(name)"])
        try openssl([
            "x509", "-req", "-in", request, "-CA", pem("ca"), "-CAkey", key("ca"), "-CAcreateserial", "-days", "\(days)",
            "-extfile", folder.file(name + ".ext"), "-out", pem(name),
        ])
    }

    private func openssl(_ arguments: [String]) throws {
        let tool = try ChildProcess(["openssl"] + arguments, log: folder.file("openssl.log"))
        guard tool.end() == 0 else {
            throw MillraceError(.invalidState, "openssl \(arguments): \(folder.read("openssl.log"))", isRetriable: false)
        }
    }
}
