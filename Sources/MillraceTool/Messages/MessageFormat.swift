internal import Millrace

/// How messages are printed.
enum MessageFormat: String, CaseIterable, Sendable {
    /// The payload and a line break, and nothing else.
    case raw
    /// An object in a line, with all there is to a message. `produce` reads it.
    case json
    /// For people: what there is beside the payload above it, JSON in many lines, nothing that a terminal would obey.
    case pretty

    /// Appends a message.
    func append(_ record: DeliveryRecord, of topic: String, to bytes: inout [UInt8]) {
        switch self {
        case .raw:
            record.message.payload.withUnsafeBytes { bytes.append(contentsOf: $0) }
            bytes.append(0x0A)
        case .json: MessageLine.append(record, of: topic, to: &bytes)
        case .pretty: PrettyMessage.append(record, of: topic, to: &bytes)
        }
    }

    /// The option that names one.
    static func option(_ fallback: MessageFormat) -> Option {
        Option(
            "format", "f", value: "FORMAT", .oneOf(allCases.map(\.rawValue)), fallback: fallback.rawValue,
            help: "raw: the payload and a line break. json: an object in each line. pretty: for people")
    }
}
