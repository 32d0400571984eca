import COpenSSL
import Millrace

/// What all connections of a transport share of their encryption: the certificates that are trusted, and the client's own.
final class TLSContext: @unchecked Sendable {
    // Safe to share: OpenSSL lets threads share a context that nobody changes, and it is changed in `init` alone.
    let handle: OpaquePointer
    let options: RedisTLS

    /// Reads the files of `options`.
    ///
    /// - Throws: A `MillraceError` of code `invalidOption` that names the file which can't be used.
    init(_ options: RedisTLS) throws {
        ERR_clear_error()
        guard let handle = SSL_CTX_new(TLS_client_method()) else {
            throw MillraceError(.connectionFailed, "TLS: no context: \(TLSFailure.firstReason)", isRetriable: true)
        }
        self.handle = handle
        self.options = options
        SSL_CTX_ctrl(handle, SSL_CTRL_SET_MIN_PROTO_VERSION, Int(TLS1_2_VERSION), nil)
        // A write may be repeated from another place in memory, and may do less than it was given: as with a socket.
        SSL_CTX_ctrl(handle, SSL_CTRL_MODE, Int(SSL_MODE_ENABLE_PARTIAL_WRITE) | Int(SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER), nil)
        // One read from the socket fetches many records.
        SSL_CTX_ctrl(handle, SSL_CTRL_SET_READ_AHEAD, 1, nil)
        SSL_CTX_set_default_read_buffer_len(handle, 64 * 1_024)
        // A key that is encrypted is refused; by default OpenSSL would ask for the password on the terminal.
        SSL_CTX_set_default_passwd_cb(handle) { _, _, _, _ in -1 }
        try loadAuthorities()
        try loadClientCertificate()
    }

    deinit { SSL_CTX_free(handle) }

    private func loadAuthorities() throws {
        guard options.verifies else { return SSL_CTX_set_verify(handle, SSL_VERIFY_NONE, nil) }
        SSL_CTX_set_verify(handle, SSL_VERIFY_PEER, nil)
        if let file = options.caFile {
            guard SSL_CTX_load_verify_locations(handle, file, nil) == 1 else {
                throw Self.unusable("tls.caFile", file, "a readable PEM file of certificates")
            }
        } else {
            SSL_CTX_set_default_verify_paths(handle)
        }
    }

    private func loadClientCertificate() throws {
        guard let certificate = options.certificateFile, let key = options.keyFile else { return }
        guard SSL_CTX_use_certificate_chain_file(handle, certificate) == 1 else {
            throw Self.unusable("tls.certificateFile", certificate, "a readable PEM file of certificates")
        }
        guard SSL_CTX_use_PrivateKey_file(handle, key, SSL_FILETYPE_PEM) == 1, SSL_CTX_check_private_key(handle) == 1 else {
            throw Self.unusable(
                "tls.keyFile", key, "a readable PEM file with the private key of certificateFile, not encrypted")
        }
    }

    private static func unusable(_ field: String, _ file: String, _ bound: String) -> MillraceError {
        RedisOptions.invalid(field, "'\(file)' (\(TLSFailure.firstReason))", bound)
    }
}
