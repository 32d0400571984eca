import Foundation
public import Millrace

/// Where spans are sent, and how.
public struct OTLPOptions: Sendable {
    /// The address that spans are posted to. Defaults to `http://localhost:4318/v1/traces`, a collector on this machine.
    public var endpoint: String
    /// Headers of each request, such as a key of access.
    public var headers: [String: String]
    /// What the spans come from, by the semantic conventions. `service.name` is added unless it is among them: the name of
    /// the program.
    public var resource: [String: SpanValue]
    /// The most spans of a request. As many are sent at once, without waiting for ``delay``. Defaults to 512; at least 1.
    public var batchSize: Int
    /// How long a span waits for others at most. Defaults to 5 seconds; at least 1 millisecond.
    public var delay: Duration
    /// The most spans that wait; what comes beyond is dropped. Defaults to 2,048; at least ``batchSize``.
    public var queueSize: Int
    /// How long a request may take. Defaults to 10 seconds; at least 1 millisecond.
    public var timeout: Duration
    /// How long to wait before a request is sent again that failed in a way that may pass, unless the collector says how
    /// long. Defaults to 1 second up to 30 seconds, doubling, with full jitter.
    public var retry: Backoff
    /// Spans are dropped when they can't be sent for this long. Defaults to 1 minute.
    public var giveUpAfter: Duration
    /// How long the end of a router may be held up by what is still to be sent. Defaults to 5 seconds.
    public var flushTimeout: Duration

    /// Options with the given values.
    public init(
        endpoint: String = "http://localhost:4318/v1/traces", headers: [String: String] = [:],
        resource: [String: SpanValue] = [:], batchSize: Int = 512, delay: Duration = .seconds(5), queueSize: Int = 2_048,
        timeout: Duration = .seconds(10), retry: Backoff = .exponential(from: .seconds(1), upTo: .seconds(30)),
        giveUpAfter: Duration = .seconds(60), flushTimeout: Duration = .seconds(5)
    ) {
        self.endpoint = endpoint
        self.headers = headers
        self.resource = resource
        self.batchSize = batchSize
        self.delay = delay
        self.queueSize = queueSize
        self.timeout = timeout
        self.retry = retry
        self.giveUpAfter = giveUpAfter
        self.flushTimeout = flushTimeout
    }

    /// The attributes of the resource, with a name of the service.
    var completeResource: [(String, SpanValue)] {
        var resource = resource
        if resource["service.name"] == nil {
            let program = CommandLine.arguments.first?.split(separator: "/").last.map(String.init)
            resource["service.name"] = .string(program ?? "unknown_service")
        }
        return resource.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    /// The address. Throws a `MillraceError` of code `invalidOption` that names the field, its value and its bound.
    func validated() throws -> URL {
        func check(_ name: String, _ value: some Sendable, _ isValid: Bool, _ bound: String) throws {
            guard isValid else { throw MillraceError.invalidOption(name, value, bound: bound, of: "OTLPOptions") }
        }
        try check("batchSize", batchSize, batchSize >= 1, "at least 1")
        try check("queueSize", queueSize, queueSize >= batchSize, "at least the batchSize of \(batchSize)")
        try check("delay", delay, delay >= .milliseconds(1), "at least 1 millisecond")
        try check("timeout", timeout, timeout >= .milliseconds(1), "at least 1 millisecond")
        try check("giveUpAfter", giveUpAfter, giveUpAfter >= .zero, "at least 0")
        try check("flushTimeout", flushTimeout, flushTimeout >= .zero, "at least 0")
        try check("retry.first", retry.first, retry.first > .zero, "more than 0")
        try check("retry.maximum", retry.maximum, retry.maximum >= retry.first, "at least retry.first")
        try check("retry.factor", retry.factor, retry.factor >= 1, "at least 1")
        for (name, value) in headers {
            let isText = !value.unicodeScalars.contains { $0.value < 0x20 || $0.value == 0x7F }
            let isName = !name.isEmpty && name.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: ":") }
            // The value may be a secret.
            try check("headers", name.debugDescription, isName && isText, "a name of visible ASCII, with a value of one line")
        }
        guard let url = URL(string: endpoint), let scheme = url.scheme?.lowercased(), ["http", "https"].contains(scheme),
            let host = url.host, !host.isEmpty
        else {
            throw MillraceError.invalidOption(
                "endpoint", endpoint.debugDescription, bound: "an address that begins with http:// or https://",
                of: "OTLPOptions")
        }
        return url
    }
}
