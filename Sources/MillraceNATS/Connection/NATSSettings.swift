import CNATS
import Millrace

/// Libnats' options for one connection.
final class NATSSettings {
    let raw: OpaquePointer?

    init(_ options: NATSOptions, server: String) throws {
        var raw: OpaquePointer?
        guard natsOptions_Create(&raw) == NATS_OK else {
            throw MillraceError(.invalidState, "libnats: no memory for options", isRetriable: false)
        }
        self.raw = raw
        try check(natsOptions_SetURL(raw, "nats://\(server)"), "the server \(server)")
        try check(natsOptions_SetName(raw, options.name), "name")
        try check(natsOptions_SetTimeout(raw, Self.milliseconds(options.connectTimeout)), "connectTimeout")
        try check(natsOptions_SetPingInterval(raw, Self.milliseconds(options.pingInterval)), "pingInterval")
        try check(natsOptions_SetMaxPingsOut(raw, 2), "pings")
        try check(natsOptions_SetAllowReconnect(raw, false), "reconnect")
        // With a loop, this asks it to write, and writes nothing by itself.
        try check(natsOptions_SetSendAsap(raw, true), "sendAsap")
        try check(natsOptions_SetIOBufSize(raw, 256 << 10), "buffer")
        try secure(options.security, NATSAddress.host(of: server))
    }

    deinit { natsOptions_Destroy(raw) }

    private func secure(_ security: NATSSecurity, _ host: String) throws {
        if let user = security.username, let password = security.password {
            try check(natsOptions_SetUserInfo(raw, user, password), "security.username")
        }
        if let token = security.token { try check(natsOptions_SetToken(raw, token), "security.token") }
        if let file = security.credentialsFile {
            try check(natsOptions_SetUserCredentialsFromFiles(raw, file, nil), "security.credentialsFile")
        }
        if let nkey = security.nkey, let seed = security.seedFile {
            try check(natsOptions_SetNKeyFromSeed(raw, nkey, seed), "security.nkey")
        }
        guard security.isEncrypted else { return }
        try check(natsOptions_SetSecure(raw, true), "security.isEncrypted")
        if let file = security.caFile {
            try check(natsOptions_LoadCATrustedCertificates(raw, file), "security.caFile '\(file)'")
        }
        if let certificate = security.certificateFile, let key = security.keyFile {
            try check(
                natsOptions_LoadCertificatesChain(raw, certificate, key), "security.certificateFile '\(certificate)'")
        }
        guard security.verifies else { return try check(natsOptions_SkipServerVerification(raw, true), "security.verifies") }
        // Always: whether libnats looks at the name by itself depends on how it was built.
        try check(natsOptions_SetExpectedHostname(raw, security.serverName ?? host), "security.serverName")
    }

    private func check(_ status: natsStatus, _ what: String) throws {
        guard status != NATS_OK else { return }
        var last = NATS_OK
        let detail = nats_GetLastError(&last).map { String(cString: $0) } ?? ""
        throw NATSOptions.invalid(what, "refused by libnats", detail.isEmpty ? "valid" : detail)
    }

    private static func milliseconds(_ duration: Duration) -> Int64 { max(1, Int64(duration / .milliseconds(1))) }
}
