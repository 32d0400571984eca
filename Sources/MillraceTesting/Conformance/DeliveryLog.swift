import Millrace

/// Deliveries that several tasks have received, in the order in which they noted them.
final class DeliveryLog: Sendable {
    private let records = Lock<[DeliveryRecord]>([])

    var all: [DeliveryRecord] { records.withLock { $0 } }
    var count: Int { records.withLock { $0.count } }
    var ids: Set<MessageID> { Set(all.map(\.message.id)) }

    /// Notes deliveries and returns how many there are in all.
    @discardableResult
    func append(_ more: some Sequence<DeliveryRecord> & Sendable) -> Int {
        records.withLock { records in
            records += more
            return records.count
        }
    }
}
