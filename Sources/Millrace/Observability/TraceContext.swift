/// The identity of a span, as it travels between services (W3C Trace Context, Level 1).
public struct TraceContext: Sendable, Hashable {
    /// The upper and lower 64 bits of the id that all spans of a trace share.
    public let traceID: (high: UInt64, low: UInt64)
    /// The id of the span.
    public let spanID: UInt64
    /// The trace flags; the lowest bit says that the trace is being recorded.
    public let flags: UInt8
    /// What vendors let travel along, unchanged.
    public let state: String?
    /// Whether it came from elsewhere, with a message. Makes no difference to equality.
    public let isRemote: Bool

    /// A context from its parts. Ids of zero are invalid.
    public init(
        traceID: (high: UInt64, low: UInt64), spanID: UInt64, flags: UInt8 = 1, state: String? = nil,
        isRemote: Bool = false
    ) {
        self.traceID = traceID
        self.spanID = spanID
        self.flags = flags
        self.state = state
        self.isRemote = isRemote
    }

    /// A context from the values of `traceparent` and `tracestate`; nil when the first is absent or malformed, as the
    /// specification asks. Versions above 00 may have further fields, which are ignored.
    public init?(traceParent: String?, state: String?) {
        guard let traceParent else { return nil }
        let parts = traceParent.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count >= 4, let version = Self.hex(parts[0], digits: 2), version != 0xFF,
            version != 0 || parts.count == 4, parts[1].utf8.count == 32,
            let high = Self.hex(parts[1].prefix(16), digits: 16), let low = Self.hex(parts[1].suffix(16), digits: 16),
            let span = Self.hex(parts[2], digits: 16), let flags = Self.hex(parts[3], digits: 2),
            high != 0 || low != 0, span != 0
        else { return nil }
        self.init(traceID: (high, low), spanID: span, flags: UInt8(flags), state: state, isRemote: true)
    }

    /// A new trace that is recorded.
    public static func root(_ random: RandomSource) -> TraceContext { root(random, flags: 1) }

    static func root(_ random: RandomSource, flags: UInt8) -> TraceContext {
        TraceContext(traceID: (random.next(), random.next() | 1), spanID: random.next() | 1, flags: flags)
    }

    /// A new span of the same trace.
    public func child(_ random: RandomSource) -> TraceContext {
        TraceContext(traceID: traceID, spanID: random.next() | 1, flags: flags, state: state)
    }

    /// Whether the trace is being recorded.
    public var isSampled: Bool { flags & 1 == 1 }

    /// The trace's id in hexadecimal.
    public var traceIDText: String { Self.text(traceID.high, 16) + Self.text(traceID.low, 16) }
    /// The span's id in hexadecimal.
    public var spanIDText: String { Self.text(spanID, 16) }

    /// The value for `traceparent`.
    public var traceParent: String { "00-\(traceIDText)-\(spanIDText)-\(Self.text(UInt64(flags), 2))" }

    /// Whether all parts that travel are the same.
    public static func == (left: TraceContext, right: TraceContext) -> Bool {
        left.traceID == right.traceID && left.spanID == right.spanID && left.flags == right.flags
            && left.state == right.state
    }

    /// Hashes the ids.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(traceID.high)
        hasher.combine(traceID.low)
        hasher.combine(spanID)
    }

    /// A number of exactly so many lower-case hexadecimal digits.
    private static func hex(_ text: some StringProtocol, digits: Int) -> UInt64? {
        guard text.utf8.count == digits, text.utf8.allSatisfy({ (0x30...0x39).contains($0) || (0x61...0x66).contains($0) })
        else { return nil }
        return UInt64(text, radix: 16)
    }

    private static func text(_ value: UInt64, _ digits: Int) -> String {
        let text = String(value, radix: 16)
        return String(repeating: "0", count: digits - text.count) + text
    }
}
