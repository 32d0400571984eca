/// Which options hold a secret, told by their names.
enum SecretName {
    /// Whether an option is a secret: `password`, `sentinel-password`, `access-token`. What names the place of one, such as
    /// `password-file`, is none.
    static func isSecret(_ name: String) -> Bool {
        let word = name.lowercased().split(separator: "-").last.map(String.init) ?? ""
        return ["password", "passphrase", "secret", "token"].contains(word)
    }

    /// Whether an option may be meant to be a secret, however it is spelt: its value is not shown.
    static func mayHide(_ name: String) -> Bool {
        let name = name.lowercased()
        if name.hasSuffix("-file") || name.hasSuffix("-env") { return false }
        return ["pas", "pw", "secret", "token", "key", "cred", "auth"].contains { name.contains($0) }
    }
}
