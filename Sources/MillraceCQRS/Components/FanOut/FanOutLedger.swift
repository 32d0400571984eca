import Millrace

/// Which deliveries of the subscription in front await which consumers. A pure state machine.
///
/// Deliveries have numbers of their own, which rise in the order in which they came: one that comes again gets another number, so
/// that no two are taken for one.
struct FanOutLedger: Sendable {
    /// As many consumers as there are bits in what keeps them.
    static let maximumConsumers = 64

    private struct Entry {
        let token: DeliveryToken
        let position: Position
        /// A bit for each consumer that has not finished it.
        var waiting: UInt64
        var rejections: [(consumer: Int, reason: String)] = []
    }

    /// How a delivery ends of which all consumers have made an end.
    enum Completion: Sendable, Equatable {
        /// All have acknowledged it.
        case acknowledged(DeliveryToken)
        /// Some have rejected it: these, in the order in which they did.
        case rejected(DeliveryToken, by: [Rejection])
    }

    /// What a consumer said when it rejected a delivery.
    struct Rejection: Sendable, Equatable {
        let consumer: Int
        let reason: String
    }

    private let everybody: UInt64
    private var entries: [UInt64: Entry] = [:]
    private var last: UInt64 = 0

    /// A ledger for so many consumers, 1 to ``maximumConsumers``.
    init(consumers: Int) {
        everybody = consumers >= Self.maximumConsumers ? .max : (1 << UInt64(consumers)) - 1
    }

    /// How many deliveries some consumer has not finished.
    var count: Int { entries.count }

    /// The deliveries that some consumer has not finished.
    var tokens: [DeliveryToken] { entries.values.map(\.token) }

    /// A delivery that all consumers are to have. Returns its number.
    mutating func take(_ token: DeliveryToken, at position: Position) -> UInt64 {
        last += 1
        entries[last] = Entry(token: token, position: position, waiting: everybody)
        return last
    }

    /// Where the message of a delivery lies in the topic; nil when all consumers have finished it.
    func position(of number: UInt64) -> Position? { entries[number]?.position }

    /// A consumer has made an end of a delivery. Returns how the delivery ends if it was the last to do so; nil otherwise, and when
    /// it had made an end of it before.
    mutating func finish(_ number: UInt64, by consumer: Int, rejecting reason: String? = nil) -> Completion? {
        let bit: UInt64 = 1 << UInt64(consumer)
        guard var entry = entries[number], entry.waiting & bit != 0 else { return nil }
        entry.waiting &= ~bit
        if let reason { entry.rejections.append((consumer, reason)) }
        guard entry.waiting == 0 else {
            entries[number] = entry
            return nil
        }
        entries[number] = nil
        guard !entry.rejections.isEmpty else { return .acknowledged(entry.token) }
        return .rejected(entry.token, by: entry.rejections.map { Rejection(consumer: $0.consumer, reason: $0.reason) })
    }
}
