/// Encryption, and how a client proves who it is.
public struct NATSSecurity: Sendable, Hashable {
    /// Whether connections are encrypted. Defaults to false.
    public var isEncrypted: Bool
    /// A file of the certificates of authorities to trust, in PEM. Defaults to nil: those of the system.
    public var caFile: String?
    /// A file of this client's certificate, in PEM. Defaults to nil: none. Needs a ``keyFile``.
    public var certificateFile: String?
    /// A file of this client's private key, in PEM. Defaults to nil: none. Needs a ``certificateFile``.
    public var keyFile: String?
    /// The name that a server's certificate has to be for. Defaults to nil: the host's.
    public var serverName: String?
    /// Whether a server has to prove who it is. Defaults to true.
    public var verifies: Bool
    /// The user. Defaults to nil. Needs a ``password``.
    public var username: String?
    /// The password, which no description and no error ever shows. Defaults to nil.
    public var password: String?
    /// A token in the place of user and password, which no description and no error ever shows. Defaults to nil.
    public var token: String?
    /// A credentials file, with a user's JWT and seed. Defaults to nil.
    public var credentialsFile: String?
    /// The public NKey of a user (`U...`). Defaults to nil. Needs a ``seedFile``.
    public var nkey: String?
    /// A file with the seed of the ``nkey``. Defaults to nil.
    public var seedFile: String?

    /// Security with the given values.
    public init(
        isEncrypted: Bool = false, caFile: String? = nil, certificateFile: String? = nil, keyFile: String? = nil,
        serverName: String? = nil, verifies: Bool = true, username: String? = nil, password: String? = nil,
        token: String? = nil, credentialsFile: String? = nil, nkey: String? = nil, seedFile: String? = nil
    ) {
        self.isEncrypted = isEncrypted
        self.caFile = caFile
        self.certificateFile = certificateFile
        self.keyFile = keyFile
        self.serverName = serverName
        self.verifies = verifies
        self.username = username
        self.password = password
        self.token = token
        self.credentialsFile = credentialsFile
        self.nkey = nkey
        self.seedFile = seedFile
    }

    func validate() throws {
        func together(_ first: String?, _ second: String?, _ names: String) throws {
            guard (first == nil) == (second == nil) else { throw NATSOptions.invalid(names, "one of two", "given together") }
        }
        try together(certificateFile, keyFile, "security.certificateFile and security.keyFile")
        try together(username, password, "security.username and security.password")
        try together(nkey, seedFile, "security.nkey and security.seedFile")
        let ways = [username, token, credentialsFile, nkey].count { $0 != nil }
        guard ways <= 1 else {
            throw NATSOptions.invalid("security", "\(ways) ways to authenticate", "at most one of user, token, credentials, NKey")
        }
        if !isEncrypted, caFile != nil || certificateFile != nil || serverName != nil {
            throw NATSOptions.invalid("security.isEncrypted", false, "true, because certificates are given")
        }
    }
}

extension NATSSecurity: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// Whether there is encryption. Never a user nor a secret.
    public var description: String { isEncrypted ? "TLS" : "no encryption" }

    /// The same as ``description``.
    public var debugDescription: String { description }

    /// No parts: a dump shows what ``description`` shows.
    public var customMirror: Mirror { Mirror(self, children: []) }
}
