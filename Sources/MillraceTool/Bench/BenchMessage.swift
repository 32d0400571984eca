internal import Millrace

/// A message that says who sent it, as which one, and when: 4, 4 and 8 bytes of its payload, before the filling.
struct BenchMessage {
    static let minimumSize = 16

    let task: Int
    let number: Int
    /// Nanoseconds of the system's clock.
    let sentAt: Int64

    init(task: Int, number: Int, sentAt: Int64 = 0) {
        self.task = task
        self.number = number
        self.sentAt = sentAt
    }

    /// Nil for the message of somebody else.
    init?(_ payload: Payload) {
        let parts = payload.withUnsafeBytes { bytes -> (UInt32, UInt32, Int64)? in
            guard bytes.count >= Self.minimumSize else { return nil }
            return (
                bytes.loadUnaligned(as: UInt32.self), bytes.loadUnaligned(fromByteOffset: 4, as: UInt32.self),
                bytes.loadUnaligned(fromByteOffset: 8, as: Int64.self)
            )
        }
        guard let parts else { return nil }
        self.init(task: Int(parts.0), number: Int(parts.1), sentAt: parts.2)
    }

    func message(_ load: BenchLoad) -> Message {
        Message(key: load.hasKeys ? "\(task)" : nil, unsafeUninitializedCapacity: load.size) { bytes in
            bytes.storeBytes(of: UInt32(truncatingIfNeeded: task), as: UInt32.self)
            bytes.storeBytes(of: UInt32(truncatingIfNeeded: number), toByteOffset: 4, as: UInt32.self)
            bytes.storeBytes(of: sentAt, toByteOffset: 8, as: Int64.self)
            for index in Self.minimumSize..<max(Self.minimumSize, load.size) { bytes[index] = 7 }
            return load.size
        }
    }
}
