/// What has become of the orders, as the read model and the ledger have it.
struct Report {
    let entries: [OrderList.Entry]
    let payments: [Payments.Payment]

    init(_ orders: [Order], of storefront: Storefront) async throws {
        var (entries, payments): ([OrderList.Entry], [Payments.Payment]) = ([], [])
        for order in orders {
            if let entry = try await storefront.list.entries[order.number] { entries.append(entry) }
            if let payment = try await storefront.payments.ledger[order.number] { payments.append(payment) }
        }
        (self.entries, self.payments) = (entries, payments)
    }

    /// A line for each order, and one for all of them.
    var text: String {
        let lines = entries.map { entry in
            let fields = ["\(entry.order.number)", entry.order.customer, entry.order.sku, "\(entry.order.cents)"]
            let padded = fields.map { $0 + String(repeating: " ", count: max(1, 9 - $0.count)) }
            return padded.joined() + (entry.parcel.map { "\(entry.end ?? "open") in \($0)" } ?? entry.end ?? "open")
        }
        let shipped = entries.filter { $0.parcel != nil }
        let taken = payments.filter { !$0.isRefunded }.reduce(0) { $0 + $1.cents }
        return
            (lines + [
                "\(entries.count) orders, \(shipped.count) shipped; \(taken) cents taken for "
                    + "\(shipped.reduce(0) { $0 + $1.order.cents }) cents shipped"
            ]).joined(separator: "\n")
    }
}
