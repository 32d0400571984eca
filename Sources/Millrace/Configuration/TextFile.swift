#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// A file that could not be read.
struct UnreadableFile: Error {
    /// Why; it shows nothing of what the file holds.
    let reason: String
}

/// Small files of text.
enum TextFile {
    /// The text of a file of at most `limit` bytes.
    static func read(_ path: String, upTo limit: Int) throws(UnreadableFile) -> String {
        guard !path.utf8.contains(0), let file = fopen(path, "rb") else {
            throw UnreadableFile(reason: "it can't be opened: \(String(cString: strerror(errno)))")
        }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 16_384)
        while bytes.count <= limit {
            let count = fread(&chunk, 1, chunk.count, file)
            guard count > 0 else { break }
            bytes += chunk[..<count]
        }
        guard ferror(file) == 0 else { throw UnreadableFile(reason: "it can't be read: \(String(cString: strerror(errno)))") }
        guard bytes.count <= limit else { throw UnreadableFile(reason: "it has more than \(limit) bytes") }
        guard let text = String(validating: bytes, as: UTF8.self) else { throw UnreadableFile(reason: "it is not UTF-8") }
        return text
    }
}
