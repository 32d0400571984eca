import COpenSSL

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// The way of a TLS session to its socket, in the place of OpenSSL's own.
///
/// OpenSSL's writes with `write`, so that a peer that has gone away would kill the process with SIGPIPE. This one sends with
/// `MSG_NOSIGNAL` (Darwin: `SO_NOSIGPIPE`), and leaves the signals of the process alone. It also remembers the error.
struct TLSSocket {
    var descriptor: Int32
    /// The last `errno`, 0 when there was none.
    var error: Int32 = 0
    var isAtEnd = false

    private struct Method: @unchecked Sendable {
        // Safe to share: never changed once it is made.
        let handle: OpaquePointer?
    }

    private static let method = Method(handle: makeMethod())

    /// A BIO over the socket at `state`, which must outlive it. Nil when there is no memory.
    static func makeBIO(_ state: UnsafeMutablePointer<TLSSocket>) -> OpaquePointer? {
        guard let method = method.handle, let bio = BIO_new(method) else { return nil }
        #if canImport(Darwin)
        var on: Int32 = 1
        setsockopt(state.pointee.descriptor, SOL_SOCKET, SO_NOSIGPIPE, &on, socklen_t(MemoryLayout<Int32>.size))
        #endif
        BIO_set_data(bio, state)
        BIO_set_init(bio, 1)
        return bio
    }

    private static func makeMethod() -> OpaquePointer? {
        guard let method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "millrace socket") else { return nil }
        BIO_meth_set_read(method) { bio, bytes, count in
            guard let bio, let bytes, let state = TLSSocket.state(of: bio) else { return -1 }
            var got: Int
            repeat { got = recv(state.pointee.descriptor, bytes, Int(max(0, count)), 0) } while got < 0 && errno == EINTR
            TLSSocket.note(got, bio, retry: BIO_FLAGS_READ)
            if got == 0, count > 0 { state.pointee.isAtEnd = true }
            return Int32(truncatingIfNeeded: got)
        }
        BIO_meth_set_write(method) { bio, bytes, count in
            guard let bio, let bytes, let state = TLSSocket.state(of: bio) else { return -1 }
            #if canImport(Darwin)
            let flags: Int32 = 0
            #else
            let flags = Int32(MSG_NOSIGNAL)
            #endif
            var sent: Int
            repeat { sent = send(state.pointee.descriptor, bytes, Int(max(0, count)), flags) } while sent < 0 && errno == EINTR
            TLSSocket.note(sent, bio, retry: BIO_FLAGS_WRITE)
            return Int32(truncatingIfNeeded: sent)
        }
        BIO_meth_set_ctrl(method) { bio, command, _, _ in
            switch command {
            case BIO_CTRL_FLUSH: 1
            case BIO_CTRL_EOF: bio.flatMap(TLSSocket.state)?.pointee.isAtEnd == true ? 1 : 0
            default: 0
            }
        }
        return method
    }

    private static func state(of bio: OpaquePointer) -> UnsafeMutablePointer<TLSSocket>? {
        BIO_get_data(bio)?.assumingMemoryBound(to: TLSSocket.self)
    }

    /// Tells OpenSSL whether the call is to be repeated later, or what went wrong.
    private static func note(_ result: Int, _ bio: OpaquePointer, retry: Int32) {
        let code = errno
        BIO_clear_flags(bio, BIO_FLAGS_READ | BIO_FLAGS_WRITE | BIO_FLAGS_SHOULD_RETRY)
        guard result < 0 else { return }
        if code == EAGAIN || code == EWOULDBLOCK {
            BIO_set_flags(bio, retry | BIO_FLAGS_SHOULD_RETRY)
        } else {
            state(of: bio)?.pointee.error = code
        }
    }
}
