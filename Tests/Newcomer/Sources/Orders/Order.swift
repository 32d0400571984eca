/// What is ordered, in one piece.
struct Order: Codable, Sendable {
    var number: Int
    var customer: String
    var lines: [String]

    init(number: Int, customer: String, lines: [String]) {
        self.number = number
        self.customer = customer
        self.lines = lines
    }
}
