import COpenSSL
import Millrace

/// Says in words what OpenSSL reports.
enum TLSFailure {
    /// The first of this thread's errors, which is the cause of the others. All of them are forgotten.
    static var firstReason: String {
        defer { ERR_clear_error() }
        return reason(of: ERR_peek_error())
    }

    static func reason(of code: UInt) -> String {
        guard code != 0 else { return "no reason given" }
        // Errors of the system carry an errno, which OpenSSL does not spell out.
        if code & 0x8000_0000 != 0 { return SocketError.text(Int32(truncatingIfNeeded: code & 0x7FFF_FFFF)) }
        return ERR_reason_error_string(code).map { String(cString: $0) } ?? "error \(code)"
    }

    /// What keeps a session from going on, and whether another try can help.
    static func describe(_ session: OpaquePointer, result: Int32, socketError: Int32, name: String) -> (String, isRetriable: Bool)
    {
        let code = ERR_peek_last_error()
        let reason = Int32(truncatingIfNeeded: code & 0x7F_FFFF)
        ERR_clear_error()
        let verification = Int32(truncatingIfNeeded: SSL_get_verify_result(session))
        if reason == SSL_R_CERTIFICATE_VERIFY_FAILED, verification != X509_V_OK {
            return (describe(verification: verification, name: name), false)
        }
        // Alerts of the server are reasons from 1,000 on.
        if let text = alerts[reason - 1_000] { return (text, false) }
        if reason == SSL_R_WRONG_VERSION_NUMBER { return ("what answers does not speak TLS", false) }
        if code == 0 {
            return (socketError == 0 ? "the server closed the connection" : SocketError.text(socketError), true)
        }
        return (self.reason(of: code), true)
    }

    private static func describe(verification: Int32, name: String) -> String {
        switch verification {
        case X509_V_ERR_CERT_HAS_EXPIRED: "the server's certificate has expired"
        case X509_V_ERR_CERT_NOT_YET_VALID: "the server's certificate is not valid yet"
        case X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH:
            "the server's certificate is for another name than '\(name)'"
        case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN,
            X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT,
            X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
            "the server's certificate was issued by an unknown authority (\(verificationText(verification)))"
        default: "the server's certificate is refused (\(verificationText(verification)))"
        }
    }

    private static func verificationText(_ code: Int32) -> String {
        X509_verify_cert_error_string(Int(code)).map { String(cString: $0) } ?? "error \(code)"
    }

    /// The alerts (RFC 8446, section 6) that say what has to be changed.
    private static let alerts: [Int32: String] = [
        40: "the server accepts none of the client's parameters",
        42: "the server refuses the client's certificate as bad",
        43: "the server refuses the client's kind of certificate",
        44: "the client's certificate was revoked, says the server",
        45: "the client's certificate has expired, says the server",
        46: "the server refuses the client's certificate",
        48: "the server does not know the authority that issued the client's certificate",
        70: "the server speaks no version of TLS from 1.2 on",
        112: "the server does not know the name that it was called by",
        116: "the server requires a client certificate",
    ]
}
