import CRabbitMQ
import Millrace

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// How a connection is encrypted, and whom it trusts. TLS 1.2 and later.
public struct AMQPTLS: Sendable, Hashable {
    /// A file of certificates, as PEM, whose issuers are trusted. Defaults to nil: those that the system trusts.
    public var caFile: String?
    /// A file with the client's certificate, as PEM, with those that lead to its issuer. Defaults to nil: none is sent.
    public var certificateFile: String?
    /// A file with the private key of ``certificateFile``, as PEM, without a password. Both are given, or none.
    public var keyFile: String?
    /// Whether the broker's certificate is checked: issuer, dates and name. Defaults to true. Without it anybody in between
    /// can read and change everything.
    public var verifies: Bool

    /// Encryption with the given values.
    public init(caFile: String? = nil, certificateFile: String? = nil, keyFile: String? = nil, verifies: Bool = true) {
        self.caFile = caFile
        self.certificateFile = certificateFile
        self.keyFile = keyFile
        self.verifies = verifies
    }

    func validate() throws {
        guard (certificateFile == nil) == (keyFile == nil) else {
            let missing = certificateFile == nil ? "certificateFile" : "keyFile"
            throw AMQPOptions.invalid("tls.\(missing)", "nil", "given: certificate and key belong together")
        }
    }

    /// Prepares a socket of librabbitmq's. Throws a `MillraceError` of code `invalidOption` for a file that it can't use.
    func apply(to socket: OpaquePointer, _ server: AMQPEndpoint) throws {
        amqp_ssl_socket_set_ssl_versions(socket, AMQP_TLSv1_2, AMQP_TLSvLATEST)
        amqp_ssl_socket_set_verify_peer(socket, verifies.amqp)
        amqp_ssl_socket_set_verify_hostname(socket, verifies.amqp)
        if verifies || caFile != nil {
            guard let file = caFile ?? Self.systemFile else {
                throw AMQPOptions.invalid("tls.caFile", "nil", "given: this system has no list of authorities where others do")
            }
            guard amqp_ssl_socket_set_cacert(socket, file) == AMQP_STATUS_OK.code else {
                throw AMQPOptions.invalid("tls.caFile", file.debugDescription, "a file of certificates as PEM")
            }
        }
        guard let certificateFile, let keyFile else { return }
        guard amqp_ssl_socket_set_key(socket, certificateFile, keyFile) == AMQP_STATUS_OK.code else {
            throw AMQPOptions.invalid(
                "tls.certificateFile", certificateFile.debugDescription, "a certificate as PEM that belongs to tls.keyFile")
        }
    }

    /// Librabbitmq does not look for the authorities that the system trusts.
    private static var systemFile: String? {
        let named = getenv("SSL_CERT_FILE").map { String(cString: $0) }
        let files = [
            named, "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem",
            "/etc/ssl/cert.pem",
        ]
        return files.compactMap { $0 }.first { access($0, R_OK) == 0 }
    }
}
