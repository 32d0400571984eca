import COpenSSL
import Millrace

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// The encryption of one connection over a socket that does not block. One thread uses it.
final class TLSSession {
    /// How far the handshake got.
    enum Progress: Equatable {
        case done
        /// Call again when the socket can be read.
        case wantsRead
        /// Call again when the socket can be written to.
        case wantsWrite
    }

    /// What a read or a write did.
    enum Transfer: Equatable {
        /// So many bytes, at least 1, were read or taken.
        case bytes(Int)
        /// Nothing; call again, with the same bytes, when the socket can be read.
        case wantsRead
        /// Nothing; call again, with the same bytes, when the socket can be written to.
        case wantsWrite
        /// The server has ended the connection.
        case closed
    }

    private static let largestTransfer = Int(Int32.max)
    private let context: TLSContext
    private let session: OpaquePointer
    private let socket: UnsafeMutablePointer<TLSSocket>
    /// The name that the server's certificate is checked for.
    private let name: String
    private var isEstablished = false
    /// What a read met behind the bytes that it returned.
    private var failure: MillraceError?

    /// A session that will check for the `serverName` of the context's options, or else for `host`.
    init(_ context: TLSContext, host: String) throws {
        ERR_clear_error()
        let given = context.options.serverName ?? host
        let name = given.hasSuffix(".") ? String(given.dropLast()) : given
        guard let session = SSL_new(context.handle) else {
            throw MillraceError(.connectionFailed, "TLS with '\(name)': \(TLSFailure.firstReason)", isRetriable: true)
        }
        self.context = context
        self.session = session
        self.name = name
        socket = .allocate(capacity: 1)
        socket.initialize(to: TLSSocket(descriptor: -1))
        SSL_set_connect_state(session)
        // A connection that ends without a farewell has ended: the protocol inside says where answers end. The option is a
        // macro that Swift does not see, SSL_OP_BIT(7).
        SSL_set_options(session, 1 << 7)
        let isAddress = Self.isAddress(name)
        if !isAddress {
            _ = name.withCString { text in
                SSL_ctrl(
                    session, SSL_CTRL_SET_TLSEXT_HOSTNAME, Int(TLSEXT_NAMETYPE_host_name), UnsafeMutableRawPointer(mutating: text)
                )
            }
        }
        guard context.options.verifies else { return }
        SSL_set_hostflags(session, UInt32(X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS))
        let isSet = isAddress ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(session), name) : SSL_set1_host(session, name)
        guard isSet == 1 else { throw error("the name can't be checked: \(TLSFailure.firstReason)", isRetriable: false) }
    }

    deinit {
        SSL_free(session)
        socket.deinitialize(count: 1)
        socket.deallocate()
    }

    /// Uses a connected socket that does not block. It stays the caller's to close, after ``close()``.
    func attach(_ descriptor: Int32) throws {
        socket.pointee = TLSSocket(descriptor: descriptor)
        guard let bio = TLSSocket.makeBIO(socket) else { throw error("no memory", isRetriable: true) }
        SSL_set_bio(session, bio, bio)
    }

    /// Goes on with the handshake; to be called until it is done.
    ///
    /// - Throws: A `MillraceError` of code `connectionFailed` that says what is wrong. It is not retriable when something
    ///   has to be changed first: a certificate, a name, an authority.
    func handshake() throws -> Progress {
        ERR_clear_error()
        let result = SSL_do_handshake(session)
        if result == 1 {
            isEstablished = true
            return .done
        }
        switch SSL_get_error(session, result) {
        case SSL_ERROR_WANT_READ: return .wantsRead
        case SSL_ERROR_WANT_WRITE: return .wantsWrite
        case SSL_ERROR_ZERO_RETURN: throw error("the server closed the connection during the handshake", isRetriable: true)
        default: throw takeFailure(result)
        }
    }

    /// Reads what is there, up to the size of `buffer`.
    ///
    /// OpenSSL reads ahead: bytes may be there although the socket has none, so read until ``Transfer/wantsRead`` before
    /// waiting for the socket.
    ///
    /// - Throws: A `MillraceError` of code `connectionFailed`; that a server asks for a certificate shows up here.
    func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Transfer {
        if let failure { throw failure }
        var count = 0
        while count < buffer.count, let base = buffer.baseAddress {
            ERR_clear_error()
            let result = SSL_read(session, base + count, Int32(min(buffer.count - count, Self.largestTransfer)))
            if result > 0 {
                count += Int(result)
                continue
            }
            let problem = SSL_get_error(session, result)
            if count > 0 {
                // A connection that failed can't be asked again.
                if problem == SSL_ERROR_SSL || problem == SSL_ERROR_SYSCALL { failure = takeFailure(result) }
                break
            }
            return try transfer(problem, result)
        }
        return .bytes(count)
    }

    /// Writes from the start of `bytes`, as much as the socket takes. `bytes` must not be empty.
    ///
    /// After ``Transfer/wantsRead`` or ``Transfer/wantsWrite`` the same bytes, at any address, must be given again; more may
    /// follow them.
    func write(_ bytes: UnsafeRawBufferPointer) throws -> Transfer {
        if let failure { throw failure }
        var count = 0
        while count < bytes.count, let base = bytes.baseAddress {
            ERR_clear_error()
            let result = SSL_write(session, base + count, Int32(min(bytes.count - count, Self.largestTransfer)))
            if result > 0 {
                count += Int(result)
                continue
            }
            let problem = SSL_get_error(session, result)
            if problem == SSL_ERROR_SSL || problem == SSL_ERROR_SYSCALL { failure = takeFailureToWrite(result) }
            if count > 0 { break }
            if let failure { throw failure }
            return try transfer(problem, result)
        }
        return .bytes(count)
    }

    /// Says farewell to the server, without waiting for its answer. To be called before the socket is closed.
    func close() {
        guard isEstablished, failure == nil else { return }
        isEstablished = false
        ERR_clear_error()
        SSL_shutdown(session)
        ERR_clear_error()
    }

    private func transfer(_ problem: Int32, _ result: Int32) throws -> Transfer {
        switch problem {
        case SSL_ERROR_WANT_READ: return .wantsRead
        case SSL_ERROR_WANT_WRITE: return .wantsWrite
        case SSL_ERROR_ZERO_RETURN: return .closed
        default:
            let error = takeFailure(result)
            failure = error
            throw error
        }
    }

    private func takeFailure(_ result: Int32) -> MillraceError {
        isEstablished = false
        let (text, isRetriable) = TLSFailure.describe(
            session, result: result, socketError: socket.pointee.error, name: name)
        return error(text, isRetriable: isRetriable)
    }

    /// A server that refuses the client says why and hangs up. A write may see the latter first; the reason is there to read.
    private func takeFailureToWrite(_ result: Int32) -> MillraceError {
        let error = takeFailure(result)
        var byte: UInt8 = 0
        let peeked = SSL_peek(session, &byte, 1)
        guard peeked <= 0, SSL_get_error(session, peeked) == SSL_ERROR_SSL else {
            ERR_clear_error()
            return error
        }
        return takeFailure(peeked)
    }

    private func error(_ text: String, isRetriable: Bool) -> MillraceError {
        MillraceError(.connectionFailed, "TLS with '\(name)': \(text)", isRetriable: isRetriable)
    }

    private static func isAddress(_ name: String) -> Bool {
        var address = in6_addr()
        return inet_pton(AF_INET, name, &address) == 1 || inet_pton(AF_INET6, name, &address) == 1
    }
}
