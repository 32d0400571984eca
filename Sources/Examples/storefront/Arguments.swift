import Foundation
import Millrace

/// What the command line says.
struct Arguments {
    /// The broker.
    var url = "memory:"
    /// The file of payments, sagas and the read model; a new one if nothing is said.
    var data = FileManager.default.temporaryDirectory.appending(path: "storefront-\(UUID().uuidString).db").path
    /// What the names of topics begin with.
    var prefix = "storefront."
    /// How many orders are placed.
    var orders = 20

    init(_ words: some Sequence<String>) throws {
        var words = words.makeIterator()
        while let name = words.next() {
            guard let value = words.next() else { throw Self.invalid("option '\(name)' has no value") }
            switch name {
            case "--url": url = value
            case "--data": data = value
            case "--prefix": prefix = value
            case "--orders":
                guard let count = Int(value), 1...1_000 ~= count else {
                    throw Self.invalid("--orders is '\(value)'; it must be a number from 1 to 1,000")
                }
                orders = count
            default: throw Self.invalid("there is no option '\(name)'; there are --url, --data, --prefix and --orders")
            }
        }
    }

    private static func invalid(_ text: String) -> MillraceError { MillraceError(.invalidOption, text, isRetriable: false) }
}

extension Order {
    /// Orders of which some end well, and others in each way that they can.
    static func example(_ number: Int) -> Order {
        let customers = ["ada", "grace", "edsger", "mallory", "barbara"]
        let skus = ["book", "lamp", "unicorn"]
        let customer = customers[number % customers.count]
        return Order(
            number: number, customer: customer, sku: skus[number % skus.count], cents: 500 + 10 * number,
            payment: customer == "edsger" ? .transfer : .card)
    }
}
