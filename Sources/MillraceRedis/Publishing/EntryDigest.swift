import COpenSSL

/// By what a message is known again in a stream: the SHA-1 of all that its entry holds, which the server's scripts can work out as well.
///
/// Its id is not enough: others give ids that are not unique.
enum EntryDigest {
    /// In hexadecimal: of the fields and values as bulk strings, which is how they are sent.
    static func text(of fields: UnsafeRawBufferPointer) -> String {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: Int(SHA_DIGEST_LENGTH)) { digest in
            _ = SHA1(fields.bindMemory(to: UInt8.self).baseAddress, fields.count, digest.baseAddress)
            return String(unsafeUninitializedCapacity: 2 * digest.count) { text in
                for (index, byte) in digest.enumerated() {
                    text[2 * index] = digit(byte >> 4)
                    text[2 * index + 1] = digit(byte & 15)
                }
                return text.count
            }
        }
    }

    private static func digit(_ value: UInt8) -> UInt8 { value < 10 ? 0x30 + value : 0x57 + value }
}
