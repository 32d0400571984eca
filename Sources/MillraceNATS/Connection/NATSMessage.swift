import CNATS
import Millrace

/// A message of libnats', by whoever has it: it has to be destroyed, once.
struct NATSMessage: @unchecked Sendable {
    // Safe to share: one thread has it at a time.
    let raw: OpaquePointer

    var data: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: natsMsg_GetData(raw), count: Int(natsMsg_GetDataLength(raw)))
    }

    var subject: UnsafePointer<CChar>? { natsMsg_GetSubject(raw) }
    var reply: UnsafePointer<CChar>? { natsMsg_GetReply(raw) }
    var isNoResponders: Bool { natsMsg_IsNoResponders(raw) }

    /// The number of the server's that begins the headers of a message without content: 404, 408, 409, ...
    var status: Int? { header("Status").flatMap { Int($0) } }

    /// What the server says beside ``status``.
    var description: String { header("Description") ?? "" }

    func header(_ name: String) -> String? {
        var value: UnsafePointer<CChar>?
        guard natsMsgHeader_Get(raw, name, &value) == NATS_OK, let value else { return nil }
        return String(cString: value)
    }

    var text: String { String(decoding: data, as: UTF8.self) }

    func destroy() { natsMsg_Destroy(raw) }
}
