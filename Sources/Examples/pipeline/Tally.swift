import Synchronization

/// Counts what happens, and knows when everything has.
final class Tally: Sendable {
    private struct Counts {
        var placed = 0
        var retried = 0
        var booked = 0
        var mailed = 0
        var poisoned = 0
        /// Orders of this run that are not booked, or not mailed.
        var unbooked: Set<Int> = []
        var unmailed: Set<Int> = []
        var latencies: [Int64] = []
        var outOfOrder = 0
        var lastOfCustomer: [String: Int] = [:]
    }

    private let counts = Mutex(Counts())
    private let start = ContinuousClock.now

    func placing(_ number: Int) {
        counts.withLock { counts in
            counts.placed += 1
            counts.unbooked.insert(number)
            counts.unmailed.insert(number)
        }
    }

    func retried() { counts.withLock { $0.retried += 1 } }

    func mailed(_ invoice: Invoice) {
        counts.withLock { counts in
            counts.mailed += 1
            counts.unmailed.remove(invoice.order.number)
        }
    }

    func poisoned(_ order: Order) {
        counts.withLock { counts in
            counts.poisoned += 1
            counts.unbooked.remove(order.number)
            counts.unmailed.remove(order.number)
        }
    }

    func booked(_ invoice: Invoice, at now: Int64) {
        counts.withLock { counts in
            counts.booked += 1
            counts.unbooked.remove(invoice.order.number)
            counts.latencies.append(now - invoice.order.placedAt)
            let customer = invoice.order.customer
            if invoice.order.number < counts.lastOfCustomer[customer, default: 0] { counts.outOfOrder += 1 }
            counts.lastOfCustomer[customer] = invoice.order.number
        }
    }

    /// Whether every order that was placed has come to its end.
    var isComplete: Bool { counts.withLock { $0.unbooked.isEmpty && $0.unmailed.isEmpty } }

    /// What happened, in a few lines.
    var summary: String {
        let elapsed = ContinuousClock.now - start
        let counts = counts.withLock { $0 }
        let latencies = counts.latencies.sorted()
        let seconds = elapsed / .seconds(1)
        let rate = seconds > 0 ? Int(Double(counts.booked) / seconds) : 0
        return """
            orders placed      \(counts.placed)
            invoices booked    \(counts.booked)
            invoices mailed    \(counts.mailed)
            retried            \(counts.retried)
            set aside          \(counts.poisoned)
            out of key order   \(counts.outOfOrder)
            throughput         \(rate) orders a second
            latency            median \(latencies.isEmpty ? 0 : latencies[latencies.count / 2]) ms, \
            highest \(latencies.last ?? 0) ms
            """
    }
}
