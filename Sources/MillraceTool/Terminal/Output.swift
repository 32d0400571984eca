internal import Millrace

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Text on its way to a file descriptor: gathered, and written when asked to.
///
/// Nothing of it counts before ``flush()`` has returned: what is acknowledged is acknowledged after that.
final class Output: Sendable {
    private let descriptor: Int32
    private let buffer = Lock<[UInt8]>([])

    init(_ descriptor: Int32) { self.descriptor = descriptor }

    /// Adds a line.
    func print(_ text: String) {
        buffer.withLock { buffer in
            buffer += text.utf8
            buffer.append(0x0A)
        }
    }

    /// Lets `body` add bytes.
    func append(_ body: (inout [UInt8]) -> Void) { buffer.withLock { body(&$0) } }

    /// Writes all there is. Throws ``BrokenPipe`` when nobody reads any more, and a `MillraceError` when the system refuses.
    func flush() throws {
        try buffer.withLock { buffer in
            defer { buffer.removeAll(keepingCapacity: true) }
            try buffer.withUnsafeBytes { bytes in
                var rest = bytes[...]
                while !rest.isEmpty {
                    let count = write(descriptor, rest.baseAddress, rest.count)
                    if count >= 0 {
                        rest = rest.dropFirst(count)
                    } else if errno == EPIPE {
                        throw BrokenPipe()
                    } else if errno == EAGAIN {
                        // Whoever started the tool has made the pipe non-blocking.
                        var ready = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                        _ = poll(&ready, 1, -1)
                    } else if errno != EINTR {
                        throw MillraceError(
                            .invalidState, "the output can't be written: \(String(cString: strerror(errno)))", isRetriable: false)
                    }
                }
            }
        }
    }
}

/// Whoever read the output is gone.
struct BrokenPipe: Error {}

extension Slice where Base == UnsafeRawBufferPointer {
    fileprivate var baseAddress: UnsafeRawPointer? { base.baseAddress?.advanced(by: startIndex) }
}
