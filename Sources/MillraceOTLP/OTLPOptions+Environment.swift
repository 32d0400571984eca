import Foundation
import Millrace

extension OTLPOptions {
    /// Options from the environment variables that OpenTelemetry defines; what is not set or empty has its default here.
    ///
    /// | Variable                                                                     | Option                   |
    /// | ---------------------------------------------------------------------------- | ------------------------ |
    /// | `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`                                         | ``endpoint``, as it is   |
    /// | `OTEL_EXPORTER_OTLP_ENDPOINT`                                                | ``endpoint``, with `/v1/traces` added |
    /// | `OTEL_EXPORTER_OTLP_TRACES_HEADERS`, `OTEL_EXPORTER_OTLP_HEADERS`            | ``headers``              |
    /// | `OTEL_EXPORTER_OTLP_TRACES_TIMEOUT`, `OTEL_EXPORTER_OTLP_TIMEOUT`            | ``timeout``              |
    /// | `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES`                              | ``resource``             |
    /// | `OTEL_BSP_MAX_EXPORT_BATCH_SIZE`, `OTEL_BSP_MAX_QUEUE_SIZE`, `OTEL_BSP_SCHEDULE_DELAY` | ``batchSize``, ``queueSize``, ``delay`` |
    ///
    /// Times are in milliseconds. Headers and attributes are `key=value`, separated by commas, with values percent-encoded.
    ///
    /// - Parameter environment: The variables.
    /// - Throws: A `MillraceError` of code `invalidOption` that names the variable; also when the protocol that is asked for is
    ///   gRPC.
    public init(environment: [String: String]) throws {
        self.init()
        func value(_ names: String...) -> (name: String, text: String)? {
            for name in names {
                if let text = environment[name], !text.isEmpty { return (name, text) }
            }
            return nil
        }
        if let (name, text) = value("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"), !text.hasPrefix("http/")
        {
            // A collector tells JSON from protobuf by its media type, at the same address.
            throw Self.invalid(name, text, "http/json or http/protobuf; this exporter sends JSON")
        }
        if let (_, text) = value("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") {
            endpoint = text
        } else if let (_, text) = value("OTEL_EXPORTER_OTLP_ENDPOINT") {
            endpoint = (text.hasSuffix("/") ? String(text.dropLast()) : text) + "/v1/traces"
        }
        if let (name, text) = value("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS") {
            for (key, value) in try Self.pairs(text, of: name) { headers[key] = value }
        }
        if let (name, text) = value("OTEL_RESOURCE_ATTRIBUTES") {
            for (key, value) in try Self.pairs(text, of: name) { resource[key] = .string(value) }
        }
        if let (_, text) = value("OTEL_SERVICE_NAME") { resource["service.name"] = .string(text) }
        if let found = value("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT") {
            timeout = .milliseconds(try Self.number(found))
        }
        if let found = value("OTEL_BSP_SCHEDULE_DELAY") { delay = .milliseconds(try Self.number(found)) }
        if let found = value("OTEL_BSP_MAX_QUEUE_SIZE") {
            queueSize = try Self.number(found)
            batchSize = min(batchSize, queueSize)
        }
        if let found = value("OTEL_BSP_MAX_EXPORT_BATCH_SIZE") { batchSize = try Self.number(found) }
        _ = try validated()
    }

    private static func number(_ found: (name: String, text: String)) throws -> Int {
        guard let number = Int(found.text), number >= 1, number <= 1_000_000_000 else {
            throw invalid(found.name, found.text, "a whole number from 1 to 1000000000")
        }
        return number
    }

    /// `a=1,b=2`, with the values decoded.
    private static func pairs(_ text: String, of name: String) throws -> [(String, String)] {
        try text.split(separator: ",").map { item in
            let parts = item.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map {
                $0.trimmingCharacters(in: .whitespaces)
            }
            guard parts.count == 2, !parts[0].isEmpty, let value = parts[1].removingPercentEncoding else {
                // Without the text, which may be a secret.
                throw invalid(name, "not readable", "key=value, separated by commas, with values percent-encoded")
            }
            return (parts[0], value)
        }
    }

    private static func invalid(_ name: String, _ value: String, _ bound: String) -> MillraceError {
        .invalidOption(name, value, bound: bound, of: "environment")
    }
}
