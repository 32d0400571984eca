#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Writes events as lines of text or of JSON.
public struct ConsoleLog: Observer {
    /// The form of a line.
    public enum Format: String, Sendable, Codable {
        /// `2026-11-23T10:00:00.000Z warning message failed handler=audit ...`
        case text
        /// One JSON object with `time`, `level`, `message` and the fields.
        case json
    }

    /// The least severe events to write.
    public let level: EventLevel
    private let format: Format
    private let clock: any SchedulingClock
    private let write: @Sendable (String) -> Void

    /// A log.
    ///
    /// - Parameters:
    ///   - level: The least severe events to write. Defaults to `warning`.
    ///   - format: Text, the default, or JSON.
    ///   - clock: Where the time of a line comes from.
    ///   - write: Takes one line without its line break. Defaults to standard error.
    public init(
        level: EventLevel = .warning, format: Format = .text, clock: any SchedulingClock = SystemClock.shared,
        write: @escaping @Sendable (String) -> Void = Self.writeToStandardError
    ) {
        self.level = level
        self.format = format
        self.clock = clock
        self.write = write
    }

    /// Writes one line.
    public func observe(_ event: MillraceEvent) {
        let time = Timestamp.text(unixMilliseconds: clock.unixMilliseconds)
        switch format {
        case .text:
            let fields = event.fields.map { " \($0)=\(Self.quotedIfNeeded($1.description))" }.joined()
            write("\(time) \(event.level.name) \(event.message)\(fields)")
        case .json:
            let standard: [(String, LogValue)] = [
                ("time", .text(time)), ("level", .text(event.level.name)), ("message", .text(event.message)),
            ]
            write(JSONText.object(standard + event.fields))
        }
    }

    /// Writes a line and a line break to standard error with one system call.
    @Sendable public static func writeToStandardError(_ line: String) {
        var line = line + "\n"
        line.withUTF8 { bytes in
            _ = writeBytes(2, bytes.baseAddress, bytes.count)
        }
    }

    private static func quotedIfNeeded(_ value: String) -> String {
        value.isEmpty || value.contains(where: { $0 == " " || $0 == "\"" || $0.isNewline }) ? JSONText.string(value) : value
    }
}

/// The system call, out of the shadow of the property of the same name.
private func writeBytes(_ descriptor: Int32, _ base: UnsafePointer<UInt8>?, _ count: Int) -> Int {
    write(descriptor, base, count)
}
