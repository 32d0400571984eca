import CNATS
import Millrace

/// What libnats calls, from whatever thread. `userData` and `closure` are the link. It is kept twice: until libnats has told that the
/// connection is closed, and until it has let go of the loop. A connection that falls silent is closed by a timer of libnats', which has
/// another thread tell of that before it lets go.
extension NATSLink {
    static func of(_ pointer: UnsafeMutableRawPointer?) -> NATSLink? {
        pointer.map { Unmanaged<NATSLink>.fromOpaque($0).takeUnretainedValue() }
    }

    /// Has a connection read and written by the link, and end with it.
    static func listen(_ options: OpaquePointer?, _ link: Unmanaged<NATSLink>) -> natsStatus {
        var status = natsOptions_SetEventLoop(
            options, link.toOpaque(),
            { userData, loop, handle, descriptor in
                guard let loop, let handle else { return NATS_ERR }
                userData?.pointee = loop
                Unmanaged<NATSLink>.fromOpaque(loop).retain().takeUnretainedValue().attach(handle, descriptor)
                return NATS_OK
            },
            { userData, add in
                if !add { NATSLink.of(userData)?.detach() }
                return NATS_OK
            },
            { userData, add in
                NATSLink.of(userData)?.wantWrite(add)
                return NATS_OK
            },
            { userData in
                guard let userData else { return NATS_ERR }
                Unmanaged<NATSLink>.fromOpaque(userData).takeRetainedValue().detach()
                return NATS_OK
            })
        if status == NATS_OK {
            status = natsOptions_SetClosedCB(
                options,
                { handle, closure in
                    guard let closure else { return }
                    let link = Unmanaged<NATSLink>.fromOpaque(closure).takeRetainedValue()
                    var text: UnsafePointer<CChar>?
                    let status = natsConnection_GetLastError(handle, &text)
                    link.closed(status, text.map { String(cString: $0) } ?? "")
                }, link.toOpaque())
        }
        if status == NATS_OK {
            status = natsOptions_SetErrorHandler(
                options,
                { handle, subscription, status, closure in
                    var text: UnsafePointer<CChar>?
                    _ = natsConnection_GetLastError(handle, &text)
                    NATSLink.of(closure)?.failed(status, text.map { String(cString: $0) } ?? "")
                }, link.toOpaque())
        }
        return status
    }
}
