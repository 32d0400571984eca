@testable import Millrace
@testable import MillraceRedis
@testable import MillraceSQLite

extension FuzzTarget {
    /// Readers of bytes.
    static let binaries: [FuzzTarget] = [
        FuzzTarget("messagepack") { bytes in
            bytes.withUnsafeBytes { bytes in
                var reader = MessagePackReader(bytes)
                guard let count = try? reader.mapCount() else { return nil }
                for _ in 0..<count {
                    guard (try? reader.text()) != nil, (try? reader.text()) != nil else { return nil }
                }
                return count <= bytes.count ? nil : "a map of \(count) pairs in \(bytes.count) bytes"
            }
        },
        FuzzTarget("sqlite-metadata") { bytes in
            guard let metadata = bytes.withUnsafeBytes({ MetadataText.read($0) }) else { return nil }
            var buffer = RowBuffer()
            MetadataText.write(metadata, into: &buffer)
            return MetadataText.read(buffer.bytes(from: 0)) == metadata ? nil : "it does not come back"
        },
    ]
}
