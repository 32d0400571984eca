/// What has become of each order, so that the program can say at its end whether all are accounted for.
actor Books {
    /// How many orders are placed; their numbers begin at 1.
    nonisolated let placed: Int
    private var failures = 0
    private var shipped: [Order] = []
    private var aside: [Order] = []

    init(placed: Int) { self.placed = placed }

    func failed(_ order: Order, attempt: Int) {
        failures += 1
        say(order, "the bank did not answer at attempt \(attempt)")
    }

    func invoiced(_ order: Order, attempt: Int) { say(order, "invoiced at attempt \(attempt)") }

    /// Says whether this was the last order to come to its end.
    func shipped(_ order: Order) -> Bool {
        shipped.append(order)
        say(order, "shipped")
        return shipped.count + aside.count == placed
    }

    /// Says whether this was the last order to come to its end.
    func setAside(_ order: Order, _ reason: String) -> Bool {
        aside.append(order)
        say(order, "set aside, because \(reason)")
        return shipped.count + aside.count == placed
    }

    private func say(_ order: Order, _ text: String) {
        print("  order \(order.number < 10 ? " " : "")\(order.number) of \(order.customer): \(text)")
    }

    /// The sum of it all. Throws when an order is missing, came to two ends, or has overtaken one of its customer.
    func balance() throws -> String {
        let ended = (shipped + aside).map(\.number).sorted()
        guard ended == Array(1...placed) else { throw Unbalanced(description: "placed were 1 to \(placed), ended have \(ended)") }
        for (customer, orders) in Dictionary(grouping: shipped, by: \.customer) {
            let numbers = orders.map(\.number)
            guard numbers == numbers.sorted() else { throw Unbalanced(description: "\(customer) got \(numbers)") }
        }
        return """
              \(placed) orders placed = \(shipped.count) shipped + \(aside.count) set aside; none is missing, none came twice
              \(failures) attempts failed, and what could be helped was helped by another one
              each customer's orders were shipped in the order in which they were placed
              the router has drained and ended
            """
    }

    struct Unbalanced: Error, CustomStringConvertible {
        let description: String
    }
}
