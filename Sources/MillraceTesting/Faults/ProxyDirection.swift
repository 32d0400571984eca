import Millrace

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// What is on its way from one side of a connection to the other: at most one buffer full, or a megabyte while there is a delay, so
/// that a slow reader slows down the writer.
struct ProxyDirection {
    private struct Chunk {
        var bytes: ArraySlice<UInt8>
        /// When it may be passed on.
        let due: ClockInstant
    }

    private static let delayedMaximum = 1 << 20

    private var chunks: [Chunk] = []
    private var waiting = 0
    /// How many bytes were passed on altogether.
    private(set) var total = 0
    /// The writer has ended its side.
    private var isEnding = false
    /// The reader was told so.
    private(set) var hasEnded = false

    /// When the next bytes may be passed on; nil for none.
    var due: ClockInstant? { chunks.first?.due }

    func isReading(_ delay: Duration) -> Bool { !isEnding && (chunks.isEmpty || delay > .zero && waiting < Self.delayedMaximum) }

    func isWriting(_ now: ClockInstant) -> Bool { due.map { $0 <= now } ?? false }

    /// Moves what can be moved. False when the connection is broken.
    mutating func move(
        _ source: Int32, _ destination: Int32, _ scratch: inout [UInt8], _ allowance: inout Int?, delay: Duration
    ) -> Bool {
        if isReading(delay), let count = ProxySocket.read(source, into: &scratch) {
            guard count >= 0 else { return false }
            if count == 0 { isEnding = true }
            take(scratch[..<count], delay)
        }
        guard write(to: destination, &allowance) else { return false }
        if isEnding, chunks.isEmpty, !hasEnded {
            shutdown(destination, Int32(SHUT_WR))
            hasEnded = true
        }
        return true
    }

    private mutating func take(_ bytes: ArraySlice<UInt8>, _ delay: Duration) {
        guard !bytes.isEmpty else { return }
        waiting += bytes.count
        let due = SystemClock.shared.now.advanced(by: delay)
        // A delay that was shortened meanwhile must not let bytes overtake others.
        chunks.append(Chunk(bytes: ArraySlice(Array(bytes)), due: max(due, chunks.last?.due ?? due)))
    }

    private mutating func write(to destination: Int32, _ allowance: inout Int?) -> Bool {
        let now = SystemClock.shared.now
        while isWriting(now) {
            let rest = chunks[0].bytes.prefix(allowance ?? .max)
            guard !rest.isEmpty, let count = ProxySocket.write(rest, to: destination) else { return true }
            guard count >= 0 else { return false }
            total += count
            waiting -= count
            allowance = allowance.map { $0 - count }
            chunks[0].bytes.removeFirst(count)
            guard chunks[0].bytes.isEmpty else { return true }
            chunks.removeFirst()
        }
        return true
    }
}
