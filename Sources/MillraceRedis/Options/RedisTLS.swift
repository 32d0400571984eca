import Millrace

/// How a connection is encrypted, and whom it trusts.
public struct RedisTLS: Sendable, Hashable {
    /// A file of certificates, as PEM, whose issuers are trusted. Defaults to nil: those that the system trusts.
    public var caFile: String?
    /// A file with the client's certificate, as PEM, with those that lead to its issuer. Defaults to nil: none is sent.
    public var certificateFile: String?
    /// A file with the private key of ``certificateFile``, as PEM, without a password. Both are given, or none.
    public var keyFile: String?
    /// The name that the server's certificate must be for. Defaults to nil: the host that is connected to.
    public var serverName: String?
    /// Whether the server's certificate is checked: issuer, dates and name. Defaults to true. Without it anybody in between
    /// can read and change everything.
    public var verifies: Bool

    /// Encryption with the given values.
    public init(
        caFile: String? = nil, certificateFile: String? = nil, keyFile: String? = nil, serverName: String? = nil,
        verifies: Bool = true
    ) {
        self.caFile = caFile
        self.certificateFile = certificateFile
        self.keyFile = keyFile
        self.serverName = serverName
        self.verifies = verifies
    }

    func validate() throws {
        guard (certificateFile == nil) == (keyFile == nil) else {
            let missing = certificateFile == nil ? "certificateFile" : "keyFile"
            throw RedisOptions.invalid("tls.\(missing)", "nil", "given: certificate and key belong together")
        }
    }
}
