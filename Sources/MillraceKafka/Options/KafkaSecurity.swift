/// Encryption and authentication, for TLS (`ssl`) and SASL of a cluster.
public struct KafkaSecurity: Sendable, Hashable {
    /// How a client proves who it is by SASL.
    public enum Mechanism: String, Sendable, Hashable, CaseIterable {
        /// The password as it is: only with encryption.
        case plain = "PLAIN"
        /// A challenge by SHA-256 (RFC 7677).
        case scramSHA256 = "SCRAM-SHA-256"
        /// A challenge by SHA-512.
        case scramSHA512 = "SCRAM-SHA-512"
    }

    /// Whether connections are encrypted. Defaults to false.
    public var isEncrypted: Bool
    /// A file of the certificates of authorities to trust, in PEM. Defaults to nil: those of the system.
    public var caFile: String?
    /// A file of this client's certificate, in PEM. Defaults to nil: none. Needs a ``keyFile``.
    public var certificateFile: String?
    /// A file of this client's private key, in PEM. Defaults to nil: none. Needs a ``certificateFile``.
    public var keyFile: String?
    /// The password of the private key, which no description and no error ever shows. Defaults to nil.
    public var keyPassword: String?
    /// Whether a broker has to prove who it is, and that it bears its host's name. Defaults to true.
    public var verifies: Bool
    /// How to authenticate with user and password. Defaults to nil: not at all. Needs ``username`` and ``password``.
    public var mechanism: Mechanism?
    /// The user. Defaults to nil.
    public var username: String?
    /// The password, which no description and no error ever shows. Defaults to nil.
    public var password: String?

    /// Security with the given values.
    public init(
        isEncrypted: Bool = false, caFile: String? = nil, certificateFile: String? = nil, keyFile: String? = nil,
        keyPassword: String? = nil, verifies: Bool = true, mechanism: Mechanism? = nil, username: String? = nil,
        password: String? = nil
    ) {
        self.isEncrypted = isEncrypted
        self.caFile = caFile
        self.certificateFile = certificateFile
        self.keyFile = keyFile
        self.keyPassword = keyPassword
        self.verifies = verifies
        self.mechanism = mechanism
        self.username = username
        self.password = password
    }

    /// `security.protocol` and what belongs to it.
    var properties: [(String, String)] {
        var properties: [(String, String)] = []
        let kind = (isEncrypted ? "ssl" : "plaintext")
        properties.append(("security.protocol", mechanism == nil ? kind : "sasl_\(kind)"))
        if isEncrypted {
            properties.append(("enable.ssl.certificate.verification", verifies ? "true" : "false"))
            properties.append(("ssl.endpoint.identification.algorithm", verifies ? "https" : "none"))
            if let caFile { properties.append(("ssl.ca.location", caFile)) }
            if let certificateFile { properties.append(("ssl.certificate.location", certificateFile)) }
            if let keyFile { properties.append(("ssl.key.location", keyFile)) }
            if let keyPassword { properties.append(("ssl.key.password", keyPassword)) }
        }
        if let mechanism {
            properties.append(("sasl.mechanisms", mechanism.rawValue))
            if let username { properties.append(("sasl.username", username)) }
            if let password { properties.append(("sasl.password", password)) }
        }
        return properties
    }

    func validate() throws {
        if (certificateFile == nil) != (keyFile == nil) {
            throw KafkaOptions.invalid("security.certificateFile and security.keyFile", "one of two", "given together")
        }
        if mechanism != nil, username == nil || password == nil {
            throw KafkaOptions.invalid(
                "security.username and security.password", "incomplete", "given, because security.mechanism is")
        }
        if mechanism == nil, username != nil || password != nil {
            throw KafkaOptions.invalid("security.mechanism", "nil", "given, because user or password is")
        }
        if !isEncrypted, caFile != nil || certificateFile != nil {
            throw KafkaOptions.invalid("security.isEncrypted", false, "true, because certificates are given")
        }
    }
}

extension KafkaSecurity: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// Whether there is encryption, and by what mechanism the client authenticates. Never user nor password.
    public var description: String {
        "\(isEncrypted ? "TLS" : "no encryption")\(mechanism.map { ", \($0.rawValue)" } ?? "")"
    }

    /// The same as ``description``.
    public var debugDescription: String { description }

    /// No parts: a dump shows what ``description`` shows.
    public var customMirror: Mirror { Mirror(self, children: []) }
}
