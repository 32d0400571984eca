#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// The bytes of a message: a collection of `UInt8` that shares the message's memory.
public struct Payload: @unchecked Sendable {
    // Safe to share: the bytes never change once a message is made.
    @usableFromInline let storage: MessageStorage

    @inlinable init(_ storage: MessageStorage) { self.storage = storage }

    /// Calls `body` with the bytes, without a copy. The pointer is valid during the call only.
    @inlinable public func withUnsafeBytes<Result>(
        _ body: (UnsafeRawBufferPointer) throws -> Result
    ) rethrows -> Result {
        try storage.withBytes(body)
    }

    /// The bytes as text, or nil when they are not UTF-8.
    public var text: String? {
        withUnsafeBytes { String(validating: $0, as: UTF8.self) }
    }
}

extension Payload: RandomAccessCollection {
    /// The position of the first byte, 0.
    @inlinable public var startIndex: Int { 0 }
    /// The number of bytes.
    @inlinable public var endIndex: Int { storage.pointer.pointee.count }

    /// The byte at a position.
    @inlinable public subscript(position: Int) -> UInt8 {
        storage.withBytes { bytes in
            precondition(position >= 0 && position < bytes.count, "Index out of range")
            return bytes[position]
        }
    }

    /// Lets `Array(payload)` and `String(decoding:)` copy the bytes at once.
    @inlinable public func withContiguousStorageIfAvailable<Result>(
        _ body: (UnsafeBufferPointer<UInt8>) throws -> Result
    ) rethrows -> Result? {
        try storage.withBytes { try body($0.assumingMemoryBound(to: UInt8.self)) }
    }
}

extension Payload: Hashable {
    /// Whether the bytes are the same.
    public static func == (left: Payload, right: Payload) -> Bool {
        guard left.storage !== right.storage else { return true }
        let count = left.count
        return left.withUnsafeBytes { left in
            right.withUnsafeBytes { right in
                guard left.count == right.count else { return false }
                guard let left = left.baseAddress, let right = right.baseAddress else { return true }
                return memcmp(left, right, count) == 0
            }
        }
    }

    /// Hashes the bytes.
    public func hash(into hasher: inout Hasher) {
        withUnsafeBytes { hasher.combine(bytes: $0) }
    }
}
