import Dispatch
internal import Millrace

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Bytes from a file descriptor, as they come.
final class Input: Sendable {
    private let descriptor: Int32
    private let interruption: Interruption
    /// Reading blocks, which the threads that run tasks must not.
    private let queue = DispatchQueue(label: "millrace.input")
    /// Whose writing end is closed when the tool is to end, which wakes who waits for input.
    private let wake: Wake

    private final class Wake: Sendable {
        let readEnd: Int32
        private let writeEnd: Lock<Int32?>

        init() {
            var ends: [Int32] = [-1, -1]
            // Without a pipe, Ctrl-C is noticed at the next input.
            let isOpen = pipe(&ends) == 0
            readEnd = ends[0]
            writeEnd = Lock(isOpen ? ends[1] : nil)
        }

        deinit {
            fire()
            if readEnd >= 0 { close(readEnd) }
        }

        func fire() {
            writeEnd.withLock { descriptor in
                if let descriptor { close(descriptor) }
                descriptor = nil
            }
        }
    }

    init(_ descriptor: Int32, _ interruption: Interruption) {
        self.descriptor = descriptor
        self.interruption = interruption
        wake = Wake()
        interruption.signal.whenFired { [wake] in wake.fire() }
    }

    /// Waits for input and returns up to `limit` bytes of it; nil at its end, or when the tool is to end.
    func next(upTo limit: Int = 65_536) async throws -> [UInt8]? {
        try await withCheckedThrowingContinuation { continuation in
            queue.async { [self] in continuation.resume(with: Result { try read(limit) }) }
        }
    }

    private func read(_ limit: Int) throws -> [UInt8]? {
        while true {
            var ready = [
                pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0),
                pollfd(fd: wake.readEnd, events: Int16(POLLIN), revents: 0),
            ]
            _ = poll(&ready, 2, -1)
            if interruption.hasCome { return nil }
            guard ready[0].revents != 0 else { continue }
            var failure: Int32 = 0
            let bytes = [UInt8](unsafeUninitializedCapacity: limit) { buffer, count in
                let result = readBytes(descriptor, buffer.baseAddress, limit)
                if result < 0 { failure = errno }
                count = max(0, result)
            }
            if failure == EINTR || failure == EAGAIN { continue }
            guard failure == 0 else {
                throw MillraceError(
                    .invalidState, "the input can't be read: \(String(cString: strerror(failure)))", isRetriable: false)
            }
            return bytes.isEmpty ? nil : bytes
        }
    }
}

/// The system call, out of the shadow of the method of the same name.
private func readBytes(_ descriptor: Int32, _ buffer: UnsafeMutablePointer<UInt8>?, _ count: Int) -> Int {
    read(descriptor, buffer, count)
}
